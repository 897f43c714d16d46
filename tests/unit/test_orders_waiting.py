"""Calls wait for the end of their order, and streams follow its changes, also when another process works on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import cast
from uuid import uuid4

import pytest

from services.orders.domain import Order, OrderFilter, State
from services.orders.errors import OrderNotFoundError
from services.orders.handlers import Orders
from services.orders.resume_tokens import with_resume_tokens
from services.orders.updates import OrderUpdates
from services.orders.v1.messages import write_order
from services.runtime.rpc.deadlines import MARGIN_SECONDS, set_deadline
from services.runtime.storage import Connection, Database
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import CART, SHIPPED, Callees, cancel_key, place_key

PlaceTask = asyncio.Task[Order]


class CountingDatabase:
    """A database that counts its read transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads = 0

    def read(self) -> AbstractAsyncContextManager[Connection]:
        """Open a read transaction, and count it."""
        self.reads += 1
        return self._database.read()


@pytest.fixture
def other_process(orders: Orders, database: Database) -> Orders:
    """Return the handlers of another process with the same database. It sees the writes of others only by polling."""
    return replace(orders, updates=OrderUpdates(database))


async def place_until(orders: Orders, callees: Callees, call: str) -> tuple[PlaceTask, Order]:
    """Place an order whose saga hangs at a call. Return the task that places it, and the order."""
    callees.hang(call)
    placing = asyncio.create_task(orders.place(place_key("placing"), SHIPPED))
    await callees.is_hanging.wait()
    [order] = await orders.list(OrderFilter(""), "", 10)
    return placing, order


async def states(orders: AsyncIterator[Order]) -> list[State]:
    return [order.state async for order in orders]


async def test_equal_requests_at_once_have_one_effect_and_equal_replies(orders: Orders, callees: Callees) -> None:
    key = place_key()
    placed = await asyncio.gather(*(orders.place(key, CART) for _ in range(50)))
    assert placed[0].state is State.CONFIRMED
    assert all(order == placed[0] for order in placed)
    assert callees.held == {"money"}


async def test_a_repeated_request_waits_for_the_end_too(orders: Orders, callees: Callees) -> None:
    first, _ = await place_until(orders, callees, "capture")
    second = asyncio.create_task(orders.place(place_key("placing"), SHIPPED))
    assert await asyncio.wait({second}, timeout=0.1) == (set(), {second})
    callees.go_on.set()
    assert (await second).state is State.CONFIRMED
    assert await second == await first


async def test_a_repeated_request_to_another_process_waits_for_the_end_too(
    orders: Orders, other_process: Orders, callees: Callees
) -> None:
    first, _ = await place_until(orders, callees, "capture")
    second = asyncio.create_task(other_process.place(place_key("placing"), SHIPPED))
    await other_process.updates.poll()
    callees.go_on.set()
    placed = await first
    assert await asyncio.wait({second}, timeout=0.1) == (set(), {second})
    await other_process.updates.poll()
    assert await second == placed


async def test_an_order_is_returned_pending_before_the_deadline_and_continues(orders: Orders, callees: Callees) -> None:
    first, _ = await place_until(orders, callees, "capture")
    set_deadline(MARGIN_SECONDS + 0.05)
    order = await orders.place(place_key("placing"), SHIPPED)
    assert order.state is State.PENDING
    callees.go_on.set()
    assert (await first).state is State.CONFIRMED


async def test_an_order_continues_without_its_caller(orders: Orders, callees: Callees) -> None:
    placing, order = await place_until(orders, callees, "reserve")
    placing.cancel()
    callees.go_on.set()
    await orders.background.close()
    assert (await orders.get(order.id)).state is State.CONFIRMED


async def test_a_cancelling_order_is_returned_before_the_deadline_and_continues(
    orders: Orders, callees: Callees
) -> None:
    placed = await orders.place(place_key(), SHIPPED)
    callees.hang("refund")
    first = asyncio.create_task(orders.cancel(cancel_key(placed.id), placed.id))
    await callees.is_hanging.wait()
    set_deadline(MARGIN_SECONDS + 0.05)
    assert (await orders.cancel(cancel_key(placed.id), placed.id)).state is State.CANCELLING
    callees.go_on.set()
    assert (await first).state is State.CANCELLED


async def test_a_watch_yields_the_states_of_an_order_until_its_end(orders: Orders, callees: Callees) -> None:
    placing, order = await place_until(orders, callees, "reserve")
    watching = asyncio.create_task(states(orders.watch(order.id)))
    callees.go_on.set()
    await placing
    seen = await watching
    assert seen[0] is State.PENDING
    assert seen[-1] is State.CONFIRMED
    assert State.CONFIRMED not in seen[:-1], "the stream ends with the order"


async def test_a_resumed_watch_does_not_repeat_the_last_message(orders: Orders, callees: Callees) -> None:
    placing, order = await place_until(orders, callees, "authorize")
    _, last_token = await anext(with_resume_tokens(orders.watch(order.id), write_order, ""))
    watching = asyncio.create_task(changes(orders, order, last_token))
    callees.go_on.set()
    await placing
    [*between, (last, token)] = await watching
    assert last.state == pb.Order.STATE_CONFIRMED
    assert all(message.shipment for message, _ in between), "steps that do not change the message are skipped"
    assert await changes(orders, order, token) == []


async def changes(orders: Orders, order: Order, resume_token: str) -> list[tuple[pb.Order, str]]:
    return [change async for change in with_resume_tokens(orders.watch(order.id), write_order, resume_token)]


async def test_a_missing_order_cannot_be_watched(orders: Orders) -> None:
    with pytest.raises(OrderNotFoundError):
        await states(orders.watch(str(uuid4())))


async def test_one_poll_serves_all_subscriptions_and_without_any_none_is_made(
    orders: Orders, callees: Callees, database: Database
) -> None:
    polled = CountingDatabase(database)
    other_process = replace(orders, updates=OrderUpdates(cast("Database", polled)))
    placing, order = await place_until(orders, callees, "reserve")
    watching = [asyncio.create_task(states(other_process.watch(order.id))) for _ in range(10)]
    await asyncio.wait(watching, timeout=0.1)
    callees.go_on.set()
    placed = await placing
    assert polled.reads == 0
    await other_process.updates.poll()
    assert all(seen[-1] is State.CONFIRMED for seen in await asyncio.gather(*watching))
    await other_process.updates.poll()
    assert polled.reads == 1
    assert placed.state is State.CONFIRMED


async def test_a_watch_that_ends_removes_its_subscription(orders: Orders, callees: Callees) -> None:
    placing, order = await place_until(orders, callees, "reserve")
    watching = asyncio.create_task(states(orders.watch(order.id)))
    await asyncio.wait({watching}, timeout=0.1)
    watching.cancel()
    with orders.updates.subscribe(order.id) as subscription:
        callees.go_on.set()
        await placing
        assert subscription.latest is not None
    assert orders.updates._subscriptions == {}  # noqa: SLF001  # not visible otherwise
