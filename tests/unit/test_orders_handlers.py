"""Placing and recovering over a real database, with callees made up."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from services.orders.domain import (
    Cart,
    OrderNotFoundError,
    OrderNotParkedError,
    OrderStateError,
    Reason,
    RegionNotServedError,
    Rejection,
    State,
    Step,
    UnknownProductsError,
    Wanted,
)
from services.orders.handlers import Orders
from services.orders.recovery import Recovery
from services.orders.saga import INTERRUPTED
from services.runtime import Background
from services.runtime.storage import Database, RequestIdReusedError
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import BERLIN, CART, SHIPPED, Callees, cancellation, pending, request, told


async def test_a_placed_order_is_found_again_as_it_was_answered(orders: Orders) -> None:
    placed = await orders.place(request(), CART)
    assert placed.state is State.CONFIRMED
    assert await orders.order(placed.id) == placed


async def test_an_order_tells_what_becomes_of_it(orders: Orders, callees: Callees, database: Database) -> None:
    again = request()
    placed = await orders.place(again, CART)
    await orders.place(again, CART)
    callees.refusing = {"authorize"}
    rejected = await orders.place(request(), CART)
    for _ in range(2):
        await orders.cancel(cancellation(placed), placed.id)
    assert await told(database) == [
        ("OrderPlaced", placed.id),
        ("OrderConfirmed", placed.id),
        ("OrderPlaced", rejected.id),
        ("OrderRejected", rejected.id),
        ("OrderCancelled", placed.id),
    ]


async def test_the_same_request_is_answered_without_asking_anybody(orders: Orders, callees: Callees) -> None:
    again = request()
    first = await orders.place(again, CART)
    assert await orders.place(again, CART) == first
    assert callees.asked == 1


async def test_a_request_id_makes_one_order_alone(orders: Orders) -> None:
    await orders.place(request(request_id="one"), CART)
    with pytest.raises(RequestIdReusedError):
        await orders.place(request(request_id="one", customer="customers/eve"), CART)


async def test_nothing_is_stored_if_the_catalog_refuses(orders: Orders, callees: Callees, database: Database) -> None:
    callees.refusing = {"products"}
    with pytest.raises(UnknownProductsError):
        await orders.place(request(request_id="one"), CART)
    assert await pending(database) == {}
    callees.refusing = set()
    assert (await orders.place(request(request_id="one"), CART)).state is State.CONFIRMED


async def test_a_shipped_order_costs_more_and_tells_its_shipment(orders: Orders, callees: Callees) -> None:
    placed = await orders.place(request(), SHIPPED)
    assert (placed.state, placed.total_cents, placed.shipment) == (State.CONFIRMED, 2 * 4990 + 490, "shipments/1")
    assert callees.held == {"money", "shipment"}
    assert await orders.order(placed.id) == placed


async def test_nothing_is_stored_if_nothing_is_shipped_there(
    orders: Orders, callees: Callees, database: Database
) -> None:
    callees.refusing = {"quote"}
    with pytest.raises(RegionNotServedError):
        await orders.place(request(request_id="one"), SHIPPED)
    assert await pending(database) == {}
    assert (await orders.place(request(request_id="one"), CART)).state is State.CONFIRMED


async def test_an_address_is_kept_until_the_order_has_ended(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.failing = {"book"}
    placed = await orders.place(request(), SHIPPED)
    assert (placed.state, placed.step, callees.held) == (State.PENDING, Step.BOOK, set())
    assert (await orders.order(placed.id)).destination == BERLIN
    callees.failing = set()
    for _ in range(3):
        await recovery.run()
    recovered = await orders.order(placed.id)
    assert (recovered.state, recovered.destination, callees.held) == (State.REJECTED, None, set())


async def test_an_order_that_could_not_be_given_back_is_recovered(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.failing = {"capture", "void"}
    placed = await orders.place(request(), CART)
    assert (placed.state, placed.step, callees.held) == (State.PENDING, Step.CAPTURE, {"money"})
    for _ in range(4):
        await recovery.run()
    assert (await orders.order(placed.id)).state is State.PENDING
    callees.failing = set()
    for _ in range(3):
        await recovery.run()
    recovered = await orders.order(placed.id)
    assert (recovered.state, callees.held) == (State.REJECTED, set())
    assert recovered.rejection == Rejection(Reason.DEPENDENCY_FAILED, "capture failed")


async def test_an_order_whose_process_ended_is_given_back(orders: Orders, callees: Callees, recovery: Recovery) -> None:
    orders = replace(orders, background=Background(finish_seconds=0))
    callees.hanging = {"capture"}
    again = request()
    caller = asyncio.create_task(orders.place(again, CART))
    await callees.hangs.wait()
    await orders.background.close()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await recovery.run()
    assert callees.held == {"stock", "money"}
    await recovery.run()
    order = await orders.place(again, CART)
    assert (order.state, order.rejection, callees.held) == (State.REJECTED, INTERRUPTED, set())


async def test_a_placing_that_was_taken_over_ends_as_it_was_recovered(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.hanging = {"capture"}
    caller = asyncio.create_task(orders.place(request(), CART))
    await callees.hangs.wait()
    await recovery.run()
    await recovery.run()
    callees.go_on.set()
    order = await caller
    assert (order.state, order.rejection, callees.held) == (State.REJECTED, INTERRUPTED, set())


async def test_an_order_that_moves_between_passes_is_left_alone(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.hanging = {"reserve"}
    caller = asyncio.create_task(orders.place(request(), CART))
    await callees.hangs.wait()
    await recovery.run()
    callees.go_on.set()
    assert (await caller).state is State.CONFIRMED
    await recovery.run()
    assert callees.held == {"money"}


async def test_a_confirmed_order_is_cancelled(orders: Orders, callees: Callees) -> None:
    placed = await orders.place(request(), SHIPPED)
    cancelled = await orders.cancel(cancellation(placed), placed.id)
    assert (cancelled.state, callees.held, callees.returned) == (State.CANCELLED, set(), 1)
    assert await orders.cancel(cancellation(placed), placed.id) == cancelled
    assert await orders.cancel(cancellation(placed, "again"), placed.id) == cancelled
    assert await orders.order(placed.id) == cancelled
    assert callees.returned == 1


async def test_an_order_cancelled_many_times_at_once_is_answered_the_same(orders: Orders) -> None:
    placed = await orders.place(request(), SHIPPED)
    requests = [cancellation(placed, f"cancel-{number // 2}") for number in range(10)]
    replies = await asyncio.gather(*(orders.cancel(asked, placed.id) for asked in requests))
    assert {reply.state for reply in replies} == {State.CANCELLED}
    assert len({reply.update_time for reply in replies}) == 1


async def test_an_order_that_could_not_be_cancelled_at_once_is_cancelled_later(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    placed = await orders.place(request(), SHIPPED)
    callees.failing = {"refund"}
    cancelling = await orders.cancel(cancellation(placed), placed.id)
    assert (cancelling.state, callees.held, callees.returned) == (State.CANCELLING, {"money"}, 0)
    for _ in range(3):
        await recovery.run()
    assert (await orders.order(placed.id)).state is State.CANCELLING
    callees.failing = set()
    await recovery.run()
    assert (await orders.order(placed.id)).state is State.CANCELLED
    assert (callees.held, callees.returned) == (set(), 1)


async def test_a_parked_order_is_left_alone_until_it_is_resumed(
    orders: Orders, callees: Callees, recovery: Recovery, database: Database
) -> None:
    callees.failing, callees.denying = {"capture"}, {"void"}
    placed = await orders.place(request(), CART)
    assert placed.parking is not None
    assert [order.id for order in await orders.orders_after("", Wanted("", parked_only=True), 10)] == [placed.id]
    assert await pending(database) == {}
    callees.denying = set()
    for _ in range(3):
        await recovery.run()
    assert await orders.order(placed.id) == placed
    resuming = pb.ResumeOrderRequest(request_id="resume", name=f"orders/{placed.id}")
    resumed = await orders.resume(resuming, placed.id)
    assert (resumed.state, resumed.parking, callees.held) == (State.REJECTED, None, set())
    assert await orders.resume(resuming, placed.id) == resumed
    assert await orders.orders_after("", Wanted("", parked_only=True), 10) == []


async def test_what_is_not_parked_is_not_resumed(orders: Orders) -> None:
    placed = await orders.place(request(), CART)
    with pytest.raises(OrderNotParkedError):
        await orders.resume(pb.ResumeOrderRequest(request_id="resume", name=f"orders/{placed.id}"), placed.id)
    with pytest.raises(OrderNotFoundError):
        await orders.resume(pb.ResumeOrderRequest(request_id="resume", name=f"orders/{uuid4()}"), str(uuid4()))


async def test_what_is_not_confirmed_is_not_cancelled_and_the_request_not_remembered(
    orders: Orders, callees: Callees, recovery: Recovery
) -> None:
    callees.failing = {"capture", "void"}
    placed = await orders.place(request(), CART)
    with pytest.raises(OrderStateError):
        await orders.cancel(cancellation(placed), placed.id)
    with pytest.raises(OrderNotFoundError):
        await orders.cancel(cancellation(placed), str(uuid4()))
    callees.failing = set()
    for _ in range(3):
        await recovery.run()
    with pytest.raises(OrderStateError):
        await orders.cancel(cancellation(placed), placed.id)


async def test_a_customers_orders_come_newest_first_page_by_page(orders: Orders) -> None:
    placed = [await orders.place(request(), CART) for _ in range(5)]
    other = await orders.place(request(), Cart("eve", CART.wishes, "tok"))
    newest_first = [order.id for order in reversed(placed)]
    first = await orders.orders_after("", Wanted("ada"), 2)
    rest = await orders.orders_after(first[-1].id, Wanted("ada"), 10)
    assert [order.id for order in (*first, *rest)] == newest_first
    assert await orders.orders_after("no-such-order", Wanted("ada"), 10) == []
    assert [order.id for order in await orders.orders_after("", Wanted(""), 10)] == [other.id, *newest_first]
