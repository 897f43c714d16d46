"""Recovery finishes orders that have not changed for long enough, the oldest first, and no others."""

import pytest

from services.orders import recovery as module
from services.orders.domain import State
from services.orders.handlers import Orders
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.runtime.storage import Database
from tests.unit.orders_callees import CART, Callees, place_key


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the clock of recovery, in seconds, as a list of one that the test sets."""
    clock = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    return clock


async def test_an_order_is_finished_when_it_has_not_changed_for_long_enough(
    orders: Orders, callees: Callees, database: Database, saga: Saga, now: list[float]
) -> None:
    recovery = Recovery(database, saga, idle_seconds=10)
    callees.failing = {"capture", "void"}
    placed = await orders.place(place_key(), CART)
    failures = (await orders.get(placed.id)).progress.failures
    for now[0] in (100, 102, 109.9):
        await recovery.run()
    assert (await orders.get(placed.id)).progress.failures == failures
    now[0] = 110
    await recovery.run()
    assert (await orders.get(placed.id)).progress.failures == failures + 1
    callees.failing = set()
    now[0] = 119.9
    await recovery.run()
    assert (await orders.get(placed.id)).state is State.PENDING, "the attempt has changed it"
    now[0] = 120
    await recovery.run()
    assert (await orders.get(placed.id)).state is State.REJECTED


async def test_the_oldest_orders_are_finished_first_and_the_others_in_the_next_pass(
    orders: Orders, callees: Callees, database: Database, saga: Saga, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ORDERS_PER_PASS", 2)
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    callees.failing = {"capture", "void"}
    placed = [(await orders.place(place_key(), CART)).id for _ in range(5)]
    callees.failing = set()
    recovery = Recovery(database, saga, idle_seconds=0)
    await recovery.run()
    for finished in (2, 4, 5):
        await recovery.run()
        states = [(await orders.get(order_id)).state for order_id in placed]
        assert states == [State.REJECTED] * finished + [State.PENDING] * (5 - finished)
