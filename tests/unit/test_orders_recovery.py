"""Recovery finishes orders that have not changed for long enough, the oldest first, and no others."""

from services.orders.domain import State
from services.orders.handlers import Orders
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.runtime.storage import Database
from tests.unit.orders_callees import CART, Callees, place_key


async def test_an_order_is_finished_when_it_has_not_changed_for_long_enough(
    orders: Orders, callees: Callees, database: Database, saga: Saga
) -> None:
    now = [100.0]
    recovery = Recovery(database, saga, idle_seconds=10, clock=lambda: now[0])
    callees.fail("capture", "void")
    placed = await orders.place(place_key(), CART)
    failures = (await orders.get(placed.id)).progress.failures
    for now[0] in (100, 102, 109.9):
        await recovery.run()
    assert (await orders.get(placed.id)).progress.failures == failures
    now[0] = 110
    await recovery.run()
    assert (await orders.get(placed.id)).progress.failures == failures + 1
    callees.recover()
    now[0] = 119.9
    await recovery.run()
    assert (await orders.get(placed.id)).state is State.PENDING, "the attempt has changed it"
    now[0] = 120
    await recovery.run()
    assert (await orders.get(placed.id)).state is State.REJECTED


async def test_the_oldest_orders_are_finished_first_and_the_others_in_the_next_pass(
    orders: Orders, callees: Callees, database: Database, saga: Saga
) -> None:
    callees.fail("capture", "void")
    placed = [(await orders.place(place_key(), CART)).id for _ in range(5)]
    callees.recover()
    recovery = Recovery(database, saga, idle_seconds=0, page_size=2, max_orders_per_pass=2)
    await recovery.run()
    for finished in (2, 4, 5):
        await recovery.run()
        states = [(await orders.get(order_id)).state for order_id in placed]
        assert states == [State.REJECTED] * finished + [State.PENDING] * (5 - finished)
