"""Calls wait for their order's end, and streams tell of its way there, in whatever process it is carried."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.domain import Order, OrderNotFoundError, State, Wanted
from services.orders.handlers import Orders
from services.orders.messages import write_changes, write_order
from services.orders.news import News
from services.runtime.rpc.deadlines import MARGIN_SECONDS, set_deadline
from services.runtime.storage import Database
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import CART, SHIPPED, Callees, cancellation, request

Placing = asyncio.Task[Order]


@pytest.fixture
def elsewhere(orders: Orders, database: Database) -> Orders:
    """Another process with the same database: it hears of what others write only by looking."""
    return replace(orders, news=News(database))


async def hanging(orders: Orders, callees: Callees, at: str) -> tuple[Placing, Order]:
    """Place an order that comes to no further than a call; answer who waits for it, and the order."""
    callees.hanging = {at}
    placing = asyncio.create_task(orders.place(request(request_id="placing"), SHIPPED))
    await callees.hangs.wait()
    [order] = await orders.orders_after("", Wanted(""), 10)
    return placing, order


async def states(orders: AsyncIterator[Order]) -> list[State]:
    return [order.state async for order in orders]


async def test_equal_requests_at_once_have_one_effect_and_equal_answers(orders: Orders, callees: Callees) -> None:
    again = request()
    placed = await asyncio.gather(*(orders.place(again, CART) for _ in range(50)))
    assert placed[0].state is State.CONFIRMED
    assert all(order == placed[0] for order in placed)
    assert callees.held == {"money"}


async def test_a_request_that_is_sent_again_waits_for_the_end_too(orders: Orders, callees: Callees) -> None:
    first, _ = await hanging(orders, callees, "capture")
    second = asyncio.create_task(orders.place(request(request_id="placing"), SHIPPED))
    assert await asyncio.wait({second}, timeout=0.1) == (set(), {second})
    callees.go_on.set()
    assert (await second).state is State.CONFIRMED
    assert await second == await first


async def test_a_request_that_is_sent_again_elsewhere_waits_too(
    orders: Orders, elsewhere: Orders, callees: Callees
) -> None:
    first, _ = await hanging(orders, callees, "capture")
    second = asyncio.create_task(elsewhere.place(request(request_id="placing"), SHIPPED))
    await elsewhere.news.look()
    callees.go_on.set()
    placed = await first
    assert await asyncio.wait({second}, timeout=0.1) == (set(), {second})
    await elsewhere.news.look()
    assert await second == placed


async def test_an_order_is_answered_pending_before_its_callers_deadline_and_goes_on(
    orders: Orders, callees: Callees
) -> None:
    first, _ = await hanging(orders, callees, "capture")
    set_deadline(MARGIN_SECONDS + 0.05)
    order = await orders.place(request(request_id="placing"), SHIPPED)
    assert order.state is State.PENDING
    callees.go_on.set()
    assert (await first).state is State.CONFIRMED


async def test_an_order_goes_on_without_its_caller(orders: Orders, callees: Callees) -> None:
    placing, order = await hanging(orders, callees, "reserve")
    placing.cancel()
    callees.go_on.set()
    await orders.background.close()
    assert (await orders.order(order.id)).state is State.CONFIRMED


async def test_a_cancellation_is_answered_before_its_callers_deadline_and_goes_on(
    orders: Orders, callees: Callees
) -> None:
    placed = await orders.place(request(), SHIPPED)
    callees.hanging = {"refund"}
    first = asyncio.create_task(orders.cancel(cancellation(placed), placed.id))
    await callees.hangs.wait()
    set_deadline(MARGIN_SECONDS + 0.05)
    assert (await orders.cancel(cancellation(placed), placed.id)).state is State.CANCELLING
    callees.go_on.set()
    assert (await first).state is State.CANCELLED


async def test_a_watched_order_tells_its_way_to_its_end(orders: Orders, callees: Callees) -> None:
    placing, order = await hanging(orders, callees, "reserve")
    watching = asyncio.create_task(states(orders.watch(order.id)))
    callees.go_on.set()
    await placing
    told = await watching
    assert told[0] is State.PENDING
    assert told[-1] is State.CONFIRMED
    assert State.CONFIRMED not in told[:-1], "it ends with its end"


async def test_what_was_seen_is_not_told_again(orders: Orders, callees: Callees) -> None:
    placing, order = await hanging(orders, callees, "authorize")
    _, seen = await anext(write_changes(orders.watch(order.id), write_order, ""))
    watching = asyncio.create_task(changes(orders, order, seen))
    callees.go_on.set()
    await placing
    [*between, (last, token)] = await watching
    assert last.state == pb.Order.STATE_CONFIRMED
    assert all(told.shipment for told, _ in between), "steps that nobody sees are not told"
    assert await changes(orders, order, token) == []


async def changes(orders: Orders, order: Order, seen: str) -> list[tuple[pb.Order, str]]:
    return [change async for change in write_changes(orders.watch(order.id), write_order, seen)]


async def test_what_is_not_there_is_not_watched(orders: Orders) -> None:
    with pytest.raises(OrderNotFoundError):
        await states(orders.watch(str(uuid4())))


async def test_one_look_serves_all_who_watch_and_none_is_made_for_nobody(
    orders: Orders, elsewhere: Orders, callees: Callees, monkeypatch: pytest.MonkeyPatch
) -> None:
    placing, order = await hanging(orders, callees, "reserve")
    watching = [asyncio.create_task(states(elsewhere.watch(order.id))) for _ in range(10)]
    await asyncio.wait(watching, timeout=0.1)
    callees.go_on.set()
    placed = await placing
    reads: list[str] = []
    read = elsewhere.news._database.read  # noqa: SLF001  # what the test counts

    def counted() -> AbstractAsyncContextManager[AsyncConnection]:
        reads.append("one")
        return read()

    monkeypatch.setattr(elsewhere.news._database, "read", counted)  # noqa: SLF001
    await elsewhere.news.look()
    assert all(told[-1] is State.CONFIRMED for told in await asyncio.gather(*watching))
    await elsewhere.news.look()
    assert len(reads) == 1
    assert placed.state is State.CONFIRMED


async def test_who_stops_watching_is_forgotten(orders: Orders, callees: Callees) -> None:
    placing, order = await hanging(orders, callees, "reserve")
    watching = asyncio.create_task(states(orders.watch(order.id)))
    await asyncio.wait({watching}, timeout=0.1)
    watching.cancel()
    with orders.news.follow(order.id) as follower:
        callees.go_on.set()
        await placing
        assert follower.newest is not None
    assert orders.news._followers == {}  # noqa: SLF001  # nothing else tells
