"""Orders that cannot be undone: they are parked, and nothing is lost by it."""

import pytest

from services.orders.domain import MOST_FAILURES, Call, Hindrance, Reason, Rejection, State
from tests.unit.orders_world import AFTER, BEFORE, STEPS, World, assert_whole, new_order


@pytest.mark.parametrize(
    ("failed", "denied", "call"),
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
async def test_an_order_whose_undoing_is_denied_is_parked_until_it_is_resumed(
    failed: str, denied: str, call: Call
) -> None:
    world = World(fails={STEPS.index(failed): BEFORE})
    if failed == denied:
        # Sent for the first time it fails; sent again it is denied.
        world.deny_from(STEPS.index(failed) + 1, denied)
    else:
        world.denies = {denied}
    order = await world.saga().place(new_order())
    assert order.state is State.PENDING
    assert order.parking is not None
    assert (order.parking.call, order.parking.reason) == (call, Hindrance.REFUSED)
    world.denies = set()
    order = await world.saga().carry_on(await world.advance(order.resumed()))
    assert (order.state, order.parking, order.failures) == (State.REJECTED, None, 0)
    assert_whole(world, order)


async def test_an_order_whose_callee_is_away_is_parked_after_many_failures() -> None:
    world = World()
    world.away = {"void"}
    world.refuses["book"] = Rejection(Reason.SHIPPING_REFUSED, "no")
    order = await world.saga().place(new_order())
    for failures in range(1, MOST_FAILURES):
        assert (order.failures, order.parking) == (failures, None)
        order = await world.saga().give_back(order)
    assert order.parking is not None
    assert (order.parking.call, order.parking.reason) == (Call.VOID, Hindrance.EXHAUSTED)
    world.away = set()
    order = await world.saga().carry_on(await world.advance(order.resumed()))
    assert order.rejection == Rejection(Reason.SHIPPING_REFUSED, "no"), "the first reason stays"
    assert_whole(world, order)


async def test_what_is_learnt_of_a_step_is_kept_when_it_cannot_be_undone() -> None:
    world = World(fails={STEPS.index("book"): AFTER})
    world.away = {"cancel"}
    order = await world.saga().place(new_order())
    assert (order.shipment, order.state) == ("shipments/1", State.PENDING)
    world.away = set()
    order = await world.saga().give_back(order)
    assert world.asked().count("book") == 2
    assert_whole(world, order)
