"""Recovery: it carries on what has stood still for long enough, the eldest first, and nothing else."""

import pytest

from services.orders import recovery as module
from services.orders.domain import State
from services.orders.handlers import Orders
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.runtime.storage import Database
from tests.unit.orders_callees import CART, Callees, request


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the seconds of recovery's clock, which a test sets."""
    clock = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    return clock


async def test_an_order_is_carried_on_when_it_has_not_moved_for_long_enough(
    orders: Orders, callees: Callees, database: Database, saga: Saga, now: list[float]
) -> None:
    recovery = Recovery(database, saga, still_seconds=10)
    callees.failing = {"capture", "void"}
    placed = await orders.place(request(), CART)
    tries = (await orders.order(placed.id)).failures
    for now[0] in (100, 102, 109.9):
        await recovery.run()
    assert (await orders.order(placed.id)).failures == tries
    now[0] = 110
    await recovery.run()
    assert (await orders.order(placed.id)).failures == tries + 1
    callees.failing = set()
    now[0] = 119.9
    await recovery.run()
    assert (await orders.order(placed.id)).state is State.PENDING, "it moved when it was tried"
    now[0] = 120
    await recovery.run()
    assert (await orders.order(placed.id)).state is State.REJECTED


async def test_the_eldest_orders_come_first_and_the_others_in_the_next_pass(
    orders: Orders, callees: Callees, database: Database, saga: Saga, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    monkeypatch.setattr(module, "PAGE", 2)
    callees.failing = {"capture", "void"}
    placed = [(await orders.place(request(), CART)).id for _ in range(5)]
    callees.failing = set()
    recovery = Recovery(database, saga, still_seconds=0)
    await recovery.run()
    for done in (2, 4, 5):
        await recovery.run()
        states = [(await orders.order(order)).state for order in placed]
        assert states == [State.REJECTED] * done + [State.PENDING] * (5 - done)
