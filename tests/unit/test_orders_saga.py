"""Any call may fail: each order still ends either sold and paid, or with nothing held."""

from dataclasses import replace
from itertools import combinations, product

import pytest

from services.orders.domain import Destination, Order, State
from services.orders.errors import TakenOverError
from services.orders.progress import Rejection, RejectionReason, Step
from tests.unit.orders_callees import AFTER, BEFORE, BERLIN, TOKEN, Crash
from tests.unit.orders_world import NOW, STEPS, World, assert_consistent, new_order


async def test_an_order_is_reserved_authorized_booked_captured_committed() -> None:
    world = World()
    order = await world.saga().place(new_order())
    assert world.callee_calls() == STEPS
    assert (order.state, order.progress.shipment) == (State.CONFIRMED, "shipments/1")
    assert_consistent(world, order)


async def test_an_order_that_is_collected_has_no_shipment() -> None:
    world = World()
    order = await world.saga().place(new_order(None))
    assert world.callee_calls() == ["reserve", "authorize", "capture", "commit"]
    assert (order.state, order.progress.shipment) == (State.CONFIRMED, None)
    assert_consistent(world, order)


@pytest.mark.parametrize(
    ("refused", "reason", "undo_calls"),
    [
        ("reserve", RejectionReason.INSUFFICIENT_STOCK, []),
        ("authorize", RejectionReason.PAYMENT_DECLINED, ["release"]),
        ("book", RejectionReason.SHIPPING_REFUSED, ["void", "release"]),
    ],
)
async def test_a_refused_step_undoes_the_steps_before(
    refused: str, reason: RejectionReason, undo_calls: list[str]
) -> None:
    world = World()
    world.refuse(refused, Rejection(reason, "no"))
    order = await world.saga().place(new_order())
    assert order.rejection == Rejection(reason, "no")
    assert world.callee_calls()[world.callee_calls().index(refused) + 1 :] == undo_calls
    assert_consistent(world, order)


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize(
    ("failed", "undo_calls"),
    [
        ("reserve", ["reserve", "release"]),
        ("authorize", ["authorize", "void", "release"]),
        ("book", ["book", "cancel", "void", "release"]),
        ("capture", ["cancel", "void", "release"]),
        ("commit", ["release", "cancel", "void", "refund"]),
    ],
)
async def test_a_failed_step_is_undone_with_those_before(failed: str, moment: str, undo_calls: list[str]) -> None:
    world = World()
    world.fail(failed, moment=moment, times=1)
    order = await world.saga().place(new_order())
    if (failed, moment) == ("commit", AFTER):
        assert order.state is State.CONFIRMED
    else:
        calls = world.callee_calls()[world.callee_calls().index(failed) + 1 :]
        assert calls == (
            ["cancel", "void", "refund", "release"] if (failed, moment) == ("capture", AFTER) else undo_calls
        )
        assert order.rejection == Rejection(RejectionReason.DEPENDENCY_FAILED, f"{failed} failed")
    assert_consistent(world, order)


async def test_an_order_that_cannot_be_undone_stays_pending_at_its_step() -> None:
    world = World()
    world.fail("capture", "cancel", times=1)
    order = await world.saga().place(new_order())
    assert world.callee_calls()[-4:] == ["capture", "cancel", "void", "release"]
    progress = order.progress
    assert (order.state, progress.step, progress.failures, progress.parking) == (State.PENDING, Step.CAPTURE, 1, None)
    assert world.states_of(order) == ("RELEASED", "VOIDED", "BOOKED"), "the others are undone"
    assert order == world.log.stored()


@pytest.mark.parametrize("failed", STEPS)
async def test_a_step_that_fails_permanently_took_nothing_and_is_not_sent_again(failed: str) -> None:
    world = World()
    world.fail(failed, permanent=True)
    order = await world.saga().place(new_order())
    assert order.rejection == Rejection(RejectionReason.DEPENDENCY_FAILED, f"{failed} failed permanently")
    assert world.callee_calls().count(failed) == 1
    assert_consistent(world, order)


FAULTS = [*product(range(11), (BEFORE, AFTER))]
DESTINATIONS = pytest.mark.parametrize("destination", [BERLIN, None], ids=["shipped", "collected"])


@DESTINATIONS
async def test_after_any_two_failures_recovery_makes_the_order_consistent(destination: Destination | None) -> None:
    for faults in combinations(FAULTS, 2):
        world = World()
        for fault in faults:
            world.fail_number(*fault)
        order = await world.saga().place(new_order(destination))
        while order.state is State.PENDING:
            order = await world.saga().compensate(order)
        assert_consistent(world, order, faults)


@DESTINATIONS
@pytest.mark.parametrize("refused", ["", "reserve", "authorize", "book"])
async def test_after_a_crash_at_any_call_recovery_makes_the_order_consistent(
    refused: str, destination: Destination | None
) -> None:
    for crash, fault in product(product(range(22), (BEFORE, AFTER)), FAULTS):
        world = World()
        world.fail_number(*fault)
        world.crash_number(*crash)
        world.refuse(refused, Rejection(RejectionReason.SHIPPING_REFUSED, "no"))
        order, run_saga = world.log.store(new_order(destination)), world.saga().place
        while order.state is State.PENDING:
            try:
                order = await run_saga(order)
            except Crash:
                order = world.log.stored()
            run_saga = world.saga().compensate
        assert_consistent(world, order, (crash, fault))


async def test_an_order_that_was_taken_over_is_left_alone() -> None:
    world = World()
    order = world.log.store(new_order())
    recovered = await world.saga().compensate(order)
    with pytest.raises(TakenOverError):
        await world.saga().place(order)
    assert world.log.stored() == recovered
    assert_consistent(world, recovered)


@pytest.mark.parametrize("failed", STEPS)
async def test_a_call_that_arrives_after_it_was_undone_has_no_effect(failed: str) -> None:
    """Send a step to its callee only after the step has failed and was undone."""
    world = World()
    world.fail(failed, times=1)
    order = await world.saga().place(new_order())
    late = {
        "reserve": world.stock.reserve(order),
        "authorize": world.payments.authorize(replace(order, payment_token=TOKEN)),
        "book": world.shipping.book(replace(order, destination=BERLIN)),
        "capture": world.payments.capture(order, "payments/1"),
        "commit": world.stock.commit(order, "reservations/1"),
    }
    for name, late_call in late.items():
        if name == failed:
            await late_call
        else:
            late_call.close()
    assert_consistent(world, order)


@DESTINATIONS
async def test_a_cancelled_order_is_undone_in_reverse(destination: Destination | None) -> None:
    world = World()
    order = await place_and_start_cancelling(world, destination)
    before = len(world.callee_calls())
    cancelled = await world.saga().cancel(order)
    assert world.callee_calls()[before:] == [*(["cancel"] if destination else []), "refund", "return stock"]
    assert cancelled.state is State.CANCELLED
    assert_consistent(world, cancelled)


@DESTINATIONS
async def test_after_a_crash_and_a_failure_at_any_calls_an_order_is_still_cancelled(
    destination: Destination | None,
) -> None:
    for crash, fault in product(product(range(8), (BEFORE, AFTER)), product(range(6), (BEFORE, AFTER))):
        world = World()
        order = await place_and_start_cancelling(world, destination)
        world.fail_number(*fault)
        world.crash_number(*crash)
        while order.state is State.CANCELLING:
            try:
                order = await world.saga().finish(order)
            except Crash:
                order = world.log.stored()
        assert order.state is State.CANCELLED, (crash, fault)
        assert_consistent(world, order, (crash, fault))


async def place_and_start_cancelling(world: World, destination: Destination | None) -> Order:
    order = await world.saga().place(world.log.store(new_order(destination)))
    return await world.log.advance(order.cancelling(NOW))
