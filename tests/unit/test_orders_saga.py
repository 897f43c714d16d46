"""Whatever fails at whichever call: an order ends sold and paid, or with nothing held; never in between."""

from dataclasses import replace
from itertools import combinations, product

import pytest

from services.orders.domain import Destination, Order, Reason, Rejection, State, Step, TakenOverError
from tests.unit.orders_world import AFTER, BEFORE, BERLIN, NOW, STEPS, TOKEN, Crash, World, assert_whole, new_order


async def test_an_order_is_reserved_authorized_booked_captured_committed() -> None:
    world = World()
    order = await world.saga().place(new_order())
    assert world.asked() == STEPS
    assert (order.state, order.shipment) == (State.CONFIRMED, "shipments/1")
    assert_whole(world, order)


async def test_an_order_that_is_collected_has_no_shipment() -> None:
    world = World()
    order = await world.saga().place(new_order(None))
    assert world.asked() == ["reserve", "authorize", "capture", "commit"]
    assert (order.state, order.shipment) == (State.CONFIRMED, None)
    assert_whole(world, order)


@pytest.mark.parametrize(
    ("refused", "reason", "given_back"),
    [
        ("reserve", Reason.INSUFFICIENT_STOCK, []),
        ("authorize", Reason.PAYMENT_DECLINED, ["release"]),
        ("book", Reason.SHIPPING_REFUSED, ["void", "release"]),
    ],
)
async def test_a_refusal_gives_back_what_was_taken_before(refused: str, reason: Reason, given_back: list[str]) -> None:
    world = World()
    world.refuses[refused] = Rejection(reason, "no")
    order = await world.saga().place(new_order())
    assert order.rejection == Rejection(reason, "no")
    assert world.asked()[world.asked().index(refused) + 1 :] == given_back
    assert_whole(world, order)


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize(
    ("failed", "given_back"),
    [
        ("reserve", ["reserve", "release"]),
        ("authorize", ["authorize", "void", "release"]),
        ("book", ["book", "cancel", "void", "release"]),
        ("capture", ["cancel", "void", "release"]),
        ("commit", ["release", "cancel", "void", "refund"]),
    ],
)
async def test_a_failed_step_is_undone_with_those_before(failed: str, moment: str, given_back: list[str]) -> None:
    world = World(fails={STEPS.index(failed): moment})
    order = await world.saga().place(new_order())
    if (failed, moment) == ("commit", AFTER):
        assert order.state is State.CONFIRMED
    else:
        undone = world.asked()[world.asked().index(failed) + 1 :]
        assert undone == (
            ["cancel", "void", "refund", "release"] if (failed, moment) == ("capture", AFTER) else given_back
        )
        assert order.rejection == Rejection(Reason.DEPENDENCY_FAILED, f"{failed} failed")
    assert_whole(world, order)


async def test_an_order_that_cannot_be_given_back_stays_pending_with_its_step() -> None:
    world = World(fails={3: BEFORE, 4: BEFORE})
    order = await world.saga().place(new_order())
    assert world.asked()[-4:] == ["capture", "cancel", "void", "release"]
    assert (order.state, order.step, order.failures, order.parking) == (State.PENDING, Step.CAPTURE, 1, None)
    assert (world.shipment, world.payment, world.reservation) == ("BOOKED", "VOIDED", "RELEASED"), "the rest is undone"
    assert order == world.kept()


@pytest.mark.parametrize("denied", STEPS)
async def test_a_step_that_is_denied_took_nothing_and_is_not_sent_again(denied: str) -> None:
    world = World()
    world.denies = {denied}
    order = await world.saga().place(new_order())
    assert order.rejection == Rejection(Reason.DEPENDENCY_FAILED, f"{denied} denied")
    assert world.asked().count(denied) == 1
    assert_whole(world, order)


FAULTS = [*product(range(11), (BEFORE, AFTER))]
WAYS = pytest.mark.parametrize("destination", [BERLIN, None], ids=["shipped", "collected"])


@WAYS
async def test_after_any_two_failures_recovery_leaves_nothing_between(destination: Destination | None) -> None:
    for faults in combinations(FAULTS, 2):
        world = World(fails=dict(faults))
        order = await world.saga().place(new_order(destination))
        while order.state is State.PENDING:
            order = await world.saga().give_back(order)
        assert_whole(world, order, faults)


@WAYS
@pytest.mark.parametrize("refused", ["", "reserve", "authorize", "book"])
async def test_after_a_crash_anywhere_recovery_leaves_nothing_between(
    refused: str, destination: Destination | None
) -> None:
    for crash, fault in product(product(range(22), (BEFORE, AFTER)), FAULTS):
        world = World(fails=dict([fault]), crash=crash)
        world.refuses[refused] = Rejection(Reason.SHIPPING_REFUSED, "no")
        order, carry_on = world.keep(new_order(destination)), world.saga().place
        while order.state is State.PENDING:
            try:
                order = await carry_on(order)
            except Crash:
                order = world.kept()
            carry_on = world.saga().give_back
        assert_whole(world, order, (crash, fault))


async def test_an_order_that_was_taken_over_is_left_alone() -> None:
    world = World()
    order = world.keep(new_order())
    recovered = await world.saga().give_back(order)
    with pytest.raises(TakenOverError):
        await world.saga().place(order)
    assert world.kept() == recovered
    assert_whole(world, recovered)


@pytest.mark.parametrize("call", range(5))
async def test_a_call_that_arrives_after_it_was_undone_takes_nothing(call: int) -> None:
    """The callee hears of a step only after the step's failure was told and undone."""
    world = World(fails={call: BEFORE})
    order = await world.saga().place(new_order())
    late = {
        "reserve": world.reserve(order),
        "authorize": world.authorize(replace(order, payment_token=TOKEN)),
        "book": world.book(replace(order, destination=BERLIN)),
        "capture": world.capture(order, "payments/1"),
        "commit": world.commit(order, "reservations/1"),
    }
    for name, arriving in late.items():
        if name == world.asked()[call]:
            await arriving
        else:
            arriving.close()
    assert_whole(world, order)


@WAYS
async def test_a_cancelled_order_is_undone_in_reverse(destination: Destination | None) -> None:
    world = World()
    order = await confirmed_and_to_be_cancelled(world, destination)
    before = len(world.asked())
    cancelled = await world.saga().cancel(order)
    assert world.asked()[before:] == [*(["cancel"] if destination else []), "refund", "take back"]
    assert cancelled.state is State.CANCELLED
    assert_whole(world, cancelled)


@WAYS
async def test_after_a_crash_and_a_failure_anywhere_a_cancelled_order_is_carried_on(
    destination: Destination | None,
) -> None:
    for crash, fault in product(product(range(8), (BEFORE, AFTER)), product(range(6), (BEFORE, AFTER))):
        world = World()
        order = await confirmed_and_to_be_cancelled(world, destination)
        world.upset(fault, crash)
        while order.state is State.CANCELLING:
            try:
                order = await world.saga().carry_on(order)
            except Crash:
                order = world.kept()
        assert order.state is State.CANCELLED, (crash, fault)
        assert_whole(world, order, (crash, fault))


async def confirmed_and_to_be_cancelled(world: World, destination: Destination | None) -> Order:
    order = await world.saga().place(world.keep(new_order(destination)))
    return await world.advance(order.cancelling(NOW))
