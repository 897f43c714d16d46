"""Orders that cannot be undone are parked, keep what they hold, and are undone after they are resumed."""

import pytest

from services.orders.domain import State
from services.orders.progress import MAX_FAILURES, Call, ParkingReason, Rejection, RejectionReason
from tests.unit.orders_callees import AFTER
from tests.unit.orders_world import World, assert_consistent, new_order


@pytest.mark.parametrize(
    ("failed_step", "failed_call", "call"),
    [
        ("reserve", "reserve", Call.RESERVE),
        ("authorize", "authorize", Call.AUTHORIZE),
        ("book", "book", Call.BOOK),
        ("capture", "cancel", Call.CANCEL_SHIPMENT),
        ("capture", "void", Call.VOID),
        ("capture", "release", Call.RELEASE),
        ("commit", "release", Call.RELEASE),
        ("commit", "refund", Call.REFUND),
    ],
)
async def test_an_order_is_parked_when_undoing_it_fails_permanently(
    failed_step: str, failed_call: str, call: Call
) -> None:
    world = World()
    world.fail(failed_step, times=1)
    # If it is the call of the step itself, its second call fails permanently.
    world.fail(failed_call, permanent=True)
    order = await world.saga().place(new_order())
    assert order.state is State.PENDING
    assert order.progress.parking is not None
    assert (order.progress.parking.call, order.progress.parking.reason) == (call, ParkingReason.REFUSED)
    world.recover(failed_call)
    order = await world.saga().finish(await world.log.advance(order.resumed()))
    assert (order.state, order.progress.parking, order.progress.failures) == (State.REJECTED, None, 0)
    assert_consistent(world, order)


async def test_an_order_is_parked_after_many_failures() -> None:
    world = World()
    world.fail("void")
    world.refuse("book", Rejection(RejectionReason.SHIPPING_REFUSED, "no"))
    order = await world.saga().place(new_order())
    for failures in range(1, MAX_FAILURES):
        assert (order.progress.failures, order.progress.parking) == (failures, None)
        order = await world.saga().compensate(order)
    assert order.progress.parking is not None
    assert (order.progress.parking.call, order.progress.parking.reason) == (Call.VOID, ParkingReason.EXHAUSTED)
    world.recover("void")
    order = await world.saga().finish(await world.log.advance(order.resumed()))
    assert order.rejection == Rejection(RejectionReason.SHIPPING_REFUSED, "no"), "the first reason stays"
    assert_consistent(world, order)


async def test_a_shipment_that_was_found_is_stored_although_cancelling_it_fails() -> None:
    world = World()
    world.fail("book", moment=AFTER, times=1)
    world.fail("cancel")
    order = await world.saga().place(new_order())
    assert (order.progress.shipment, order.state) == ("shipments/1", State.PENDING)
    world.recover("cancel")
    order = await world.saga().compensate(order)
    assert world.callee_calls().count("book") == 2
    assert_consistent(world, order)
