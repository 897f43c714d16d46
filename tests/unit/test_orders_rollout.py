"""Two releases of orders share a database during a rollout. Each leaves alone what it does not understand."""

from collections.abc import Mapping

import pytest
from sqlalchemy import update

from services.orders.domain import Order, OrderFilter, State
from services.orders.errors import OrderNotParkedError, OrderStateError
from services.orders.handlers import Orders
from services.orders.progress import RejectionReason, Step
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.orders.store import Store
from services.orders.store import orders as table
from services.orders.v1.messages import write_order
from services.runtime.storage import Database
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import CART, SHIPPED, Callees, cancel_key, place_key, resume_key


async def update_row(database: Database, order: Order, **values: object) -> None:
    """Update columns of an order, as another release would."""
    async with database.write() as connection:
        await connection.execute(update(table).where(table.c.id == order.id).values(**values))


async def place_pending(orders: Orders, callees: Callees) -> Order:
    callees.fail("capture", "void")
    order = await orders.place(place_key(), SHIPPED)
    assert order.state is State.PENDING
    callees.recover()
    return order


@pytest.mark.parametrize(
    "values", [{"step": "WRAP_AS_GIFT"}, {"state": "ON_HOLD"}, {"state": "ON_HOLD", "step": "WRAP_AS_GIFT"}], ids=str
)
async def test_an_order_that_only_newer_code_understands_is_left_alone(
    orders: Orders, callees: Callees, recovery: Recovery, database: Database, values: Mapping[str, str]
) -> None:
    order, other = await place_pending(orders, callees), await place_pending(orders, callees)
    await update_row(database, order, **values)
    before = await orders.get(order.id)
    for _ in range(3):
        await recovery.run()
    assert await orders.get(order.id) == before
    assert (await orders.get(other.id)).state is State.REJECTED, "other orders are finished"
    assert {listed.id for listed in await orders.list(OrderFilter("ada"), "", 10)} == {order.id, other.id}
    with pytest.raises(OrderStateError):
        await orders.cancel(cancel_key(order.id), order.id)
    with pytest.raises(OrderNotParkedError):
        await orders.resume(resume_key(order.id), order.id)


async def test_values_that_only_newer_code_knows_are_read_as_unspecified(orders: Orders, database: Database) -> None:
    order = await orders.place(place_key(), CART)
    await update_row(database, order, state="ON_HOLD", rejection_reason="SUSPICIOUS", step="REVIEW")
    read = await orders.get(order.id)
    assert (read.state, read.progress.step, read.has_ended) == (State.UNSPECIFIED, Step.UNSPECIFIED, False)
    assert read.progress.rejection is not None
    assert read.progress.rejection.reason is RejectionReason.UNSPECIFIED
    assert write_order(read).state == pb.Order.STATE_UNSPECIFIED


async def test_an_order_that_older_code_has_finished_is_not_parked(
    orders: Orders, callees: Callees, database: Database
) -> None:
    callees.fail("capture")
    callees.fail("void", permanent=True)
    order = await orders.place(place_key(), CART)
    assert order.progress.parking is not None
    await update_row(database, order, state="REJECTED")
    ended = await orders.get(order.id)
    assert (ended.progress.parking, ended.is_idle) == (None, True)
    assert await orders.list(OrderFilter("", parked_only=True), "", 10) == []


async def test_recovery_reads_all_unfinished_orders_in_pages(
    orders: Orders, callees: Callees, database: Database, saga: Saga
) -> None:
    recovery = Recovery(database, saga, idle_seconds=0, page_size=2)
    placed = [await place_pending(orders, callees) for _ in range(5)]
    for _ in range(2):
        await recovery.run()
    assert {(await orders.get(order.id)).state for order in placed} == {State.REJECTED}


async def test_a_page_of_unfinished_orders_starts_after_the_page_before(
    orders: Orders, callees: Callees, database: Database
) -> None:
    ids = sorted([(await place_pending(orders, callees)).id for _ in range(5)])
    async with database.read() as connection:
        store = Store(connection)
        assert [order.id for order in await store.list_unfinished("", 3)] == ids[:3]
        assert [order.id for order in await store.list_unfinished(ids[2], 3)] == ids[3:]
