"""The use cases of orders and their recovery, over a real database with fake callees."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from services.orders.domain import Cart, OrderFilter, State
from services.orders.errors import (
    OrderNotFoundError,
    OrderNotParkedError,
    OrderStateError,
    RegionNotServedError,
    UnknownProductsError,
)
from services.orders.handlers import Orders
from services.orders.progress import Rejection, RejectionReason, Step
from services.orders.recovery import Recovery
from services.orders.saga import INTERRUPTED
from services.runtime import Background
from services.runtime.storage import Database, RequestIdReusedError
from tests.support.clock import eventually
from tests.unit.orders_callees import (
    BERLIN,
    CART,
    SHIPPED,
    Callees,
    cancel_key,
    outbox_events,
    place_key,
    resume_key,
    unfinished_revisions,
)


async def test_a_placed_order_is_read_as_it_was_returned(orders: Orders) -> None:
    placed = await orders.place(place_key(), CART)
    assert placed.state is State.CONFIRMED
    assert await orders.get(placed.id) == placed


async def test_each_state_of_an_order_is_published(orders: Orders, callees: Callees, database: Database) -> None:
    key = place_key()
    placed = await orders.place(key, CART)
    await orders.place(key, CART)
    callees.refuse("authorize")
    rejected = await orders.place(place_key(), CART)
    for _ in range(2):
        await orders.cancel(cancel_key(placed.id), placed.id)
    assert await outbox_events(database) == [
        ("OrderPlaced", placed.id),
        ("OrderConfirmed", placed.id),
        ("OrderPlaced", rejected.id),
        ("OrderRejected", rejected.id),
        ("OrderCancelled", placed.id),
    ]


async def test_a_repeated_request_makes_no_calls(orders: Orders, callees: Callees) -> None:
    key = place_key()
    first = await orders.place(key, CART)
    assert await orders.place(key, CART) == first
    assert callees.calls.count("get_products") == 1


async def test_a_request_id_is_for_one_order(orders: Orders) -> None:
    await orders.place(place_key("one"), CART)
    with pytest.raises(RequestIdReusedError):
        await orders.place(place_key("one", b"other content"), CART)


async def test_nothing_is_stored_if_the_catalog_refuses(orders: Orders, callees: Callees, database: Database) -> None:
    callees.refuse("get_products", UnknownProductsError([0]))
    with pytest.raises(UnknownProductsError):
        await orders.place(place_key("one"), CART)
    assert await unfinished_revisions(database) == {}
    callees.recover()
    assert (await orders.place(place_key("one"), CART)).state is State.CONFIRMED


async def test_a_shipped_order_costs_more_and_has_a_shipment(orders: Orders, callees: Callees) -> None:
    placed = await orders.place(place_key(), SHIPPED)
    assert (placed.state, placed.progress.shipment) == (State.CONFIRMED, "shipments/1")
    assert placed.total_cents == 2 * 4990 + 490
    assert callees.held == {"money", "shipment"}
    assert await orders.get(placed.id) == placed


async def test_nothing_is_stored_if_the_region_is_not_served(
    orders: Orders, callees: Callees, database: Database
) -> None:
    callees.refuse("quote", RegionNotServedError())
    with pytest.raises(RegionNotServedError):
        await orders.place(place_key("one"), SHIPPED)
    assert await unfinished_revisions(database) == {}
    assert (await orders.place(place_key("one"), CART)).state is State.CONFIRMED


async def test_an_address_is_kept_until_the_order_has_ended(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.fail("book")
    placed = await orders.place(place_key(), SHIPPED)
    assert (placed.state, placed.progress.step, callees.held) == (State.PENDING, Step.BOOK, set())
    assert (await orders.get(placed.id)).destination == BERLIN
    callees.recover()
    for _ in range(3):
        await recovery.run()
    recovered = await orders.get(placed.id)
    assert (recovered.state, recovered.destination, callees.held) == (State.REJECTED, None, set())


async def test_an_order_that_could_not_be_undone_is_recovered(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.fail("capture", "void")
    placed = await orders.place(place_key(), CART)
    assert (placed.state, placed.progress.step, callees.held) == (State.PENDING, Step.CAPTURE, {"money"})
    for _ in range(4):
        await recovery.run()
    assert (await orders.get(placed.id)).state is State.PENDING
    callees.recover()
    for _ in range(3):
        await recovery.run()
    recovered = await orders.get(placed.id)
    assert (recovered.state, callees.held) == (State.REJECTED, set())
    assert recovered.rejection == Rejection(RejectionReason.DEPENDENCY_FAILED, "capture failed")


async def test_an_order_whose_process_died_is_undone(
    orders: Orders, callees: Callees, recovery: Recovery, database: Database
) -> None:
    orders = replace(orders, background=Background(finish_seconds=0))
    callees.hang("capture")
    key = place_key()
    caller = asyncio.create_task(orders.place(key, CART))
    await callees.is_hanging.wait()
    await logged(database)
    await orders.background.close()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await recovery.run()
    assert callees.held == {"stock", "money"}
    await recovery.run()
    order = await orders.place(key, CART)
    assert (order.state, order.rejection, callees.held) == (State.REJECTED, INTERRUPTED, set())


async def test_placing_an_order_that_was_taken_over_returns_the_recovered_order(
    orders: Orders, callees: Callees, recovery: Recovery, database: Database
) -> None:
    callees.hang("capture")
    caller = asyncio.create_task(orders.place(place_key(), CART))
    await callees.is_hanging.wait()
    await logged(database)
    await recovery.run()
    await recovery.run()
    callees.go_on.set()
    order = await caller
    assert (order.state, order.rejection, callees.held) == (State.REJECTED, INTERRUPTED, set())


async def test_recovery_leaves_an_order_alone_that_advances_between_passes(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.hang("reserve")
    caller = asyncio.create_task(orders.place(place_key(), CART))
    await callees.is_hanging.wait()
    await recovery.run()
    callees.go_on.set()
    assert (await caller).state is State.CONFIRMED
    await recovery.run()
    assert callees.held == {"money"}


async def test_a_confirmed_order_is_cancelled(orders: Orders, callees: Callees) -> None:
    placed = await orders.place(place_key(), SHIPPED)
    cancelled = await orders.cancel(cancel_key(placed.id), placed.id)
    assert (cancelled.state, callees.held, callees.calls.count("return stock")) == (State.CANCELLED, set(), 1)
    assert await orders.cancel(cancel_key(placed.id), placed.id) == cancelled
    assert await orders.cancel(cancel_key(placed.id, "again"), placed.id) == cancelled
    assert await orders.get(placed.id) == cancelled
    assert callees.calls.count("return stock") == 1


async def test_an_order_cancelled_many_times_at_once_has_equal_replies(orders: Orders) -> None:
    placed = await orders.place(place_key(), SHIPPED)
    keys = [cancel_key(placed.id, f"cancel-{number // 2}") for number in range(10)]
    replies = await asyncio.gather(*(orders.cancel(key, placed.id) for key in keys))
    assert {reply.state for reply in replies} == {State.CANCELLED}
    assert len({reply.update_time for reply in replies}) == 1


async def test_an_order_that_could_not_be_cancelled_at_once_is_cancelled_later(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    placed = await orders.place(place_key(), SHIPPED)
    callees.fail("refund")
    cancelling = await orders.cancel(cancel_key(placed.id), placed.id)
    assert (cancelling.state, callees.held, callees.calls.count("return stock")) == (State.CANCELLING, {"money"}, 0)
    for _ in range(3):
        await recovery.run()
    assert (await orders.get(placed.id)).state is State.CANCELLING
    callees.recover()
    await recovery.run()
    assert (await orders.get(placed.id)).state is State.CANCELLED
    assert (callees.held, callees.calls.count("return stock")) == (set(), 1)


async def test_a_parked_order_is_left_alone_until_it_is_resumed(
    orders: Orders, callees: Callees, recovery: Recovery, database: Database
) -> None:
    callees.fail("capture")
    callees.fail("void", permanent=True)
    placed = await orders.place(place_key(), CART)
    assert placed.progress.parking is not None
    assert [order.id for order in await orders.list(OrderFilter("", parked_only=True), "", 10)] == [placed.id]
    assert await unfinished_revisions(database) == {}
    callees.recover("void")
    for _ in range(3):
        await recovery.run()
    assert await orders.get(placed.id) == placed
    resumed = await orders.resume(resume_key(placed.id), placed.id)
    assert (resumed.state, resumed.progress.parking, callees.held) == (State.REJECTED, None, set())
    assert await orders.resume(resume_key(placed.id), placed.id) == resumed
    assert await orders.list(OrderFilter("", parked_only=True), "", 10) == []


async def test_only_a_parked_order_is_resumed(orders: Orders) -> None:
    placed = await orders.place(place_key(), CART)
    with pytest.raises(OrderNotParkedError):
        await orders.resume(resume_key(placed.id), placed.id)
    missing = str(uuid4())
    with pytest.raises(OrderNotFoundError):
        await orders.resume(resume_key(missing), missing)


async def test_only_a_confirmed_order_is_cancelled_and_a_failed_request_is_not_stored(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.fail("capture", "void")
    placed = await orders.place(place_key(), CART)
    with pytest.raises(OrderStateError):
        await orders.cancel(cancel_key(placed.id), placed.id)
    with pytest.raises(OrderNotFoundError):
        await orders.cancel(cancel_key(placed.id), str(uuid4()))
    callees.recover()
    for _ in range(3):
        await recovery.run()
    with pytest.raises(OrderStateError):
        await orders.cancel(cancel_key(placed.id), placed.id)


async def test_a_customers_orders_are_listed_newest_first_in_pages(orders: Orders) -> None:
    placed = [await orders.place(place_key(), CART) for _ in range(5)]
    other = await orders.place(place_key(), Cart("eve", CART.lines, "tok"))
    newest_first = [order.id for order in reversed(placed)]
    first = await orders.list(OrderFilter("ada"), "", 2)
    rest = await orders.list(OrderFilter("ada"), first[-1].id, 10)
    assert [order.id for order in (*first, *rest)] == newest_first
    assert await orders.list(OrderFilter("ada"), "no-such-order", 10) == []
    assert [order.id for order in await orders.list(OrderFilter(""), "", 10)] == [other.id, *newest_first]


async def logged(database: Database) -> None:
    """Wait for the log entry that the only unfinished order writes beside the capture."""
    async for attempt in eventually():
        with attempt:
            assert [*(await unfinished_revisions(database)).values()] == [1]
