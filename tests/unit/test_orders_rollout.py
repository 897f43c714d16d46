"""Two versions of orders share a database: each leaves alone what it does not understand."""

from collections.abc import Mapping

import pytest
from sqlalchemy import update

from services.orders.domain import Order, OrderNotParkedError, OrderStateError, Reason, State, Step, Wanted
from services.orders.handlers import Orders
from services.orders.messages import write_order
from services.orders.recovery import Recovery
from services.orders.store import Store
from services.orders.store import orders as table
from services.runtime.storage import Database
from shop.orders.v1 import orders_pb2 as pb
from tests.unit.orders_callees import CART, SHIPPED, Callees, cancellation, request


async def written(database: Database, order: Order, **values: object) -> None:
    """Have newer code have written something of an order."""
    async with database.write() as connection:
        await connection.execute(update(table).where(table.c.id == order.id).values(**values))


async def pending(orders: Orders, callees: Callees) -> Order:
    callees.failing = {"capture", "void"}
    order = await orders.place(request(), SHIPPED)
    assert order.state is State.PENDING
    callees.failing = set()
    return order


@pytest.mark.parametrize(
    "values", [{"step": "WRAP_AS_GIFT"}, {"state": "ON_HOLD"}, {"state": "ON_HOLD", "step": "WRAP_AS_GIFT"}], ids=str
)
async def test_an_order_that_only_newer_code_understands_is_left_to_it(
    orders: Orders, callees: Callees, recovery: Recovery, database: Database, values: Mapping[str, str]
) -> None:
    order, other = await pending(orders, callees), await pending(orders, callees)
    await written(database, order, **values)
    left = await orders.order(order.id)
    for _ in range(3):
        await recovery.run()
    assert await orders.order(order.id) == left
    assert (await orders.order(other.id)).state is State.REJECTED, "others are carried on"
    assert {found.id for found in await orders.orders_after("", Wanted("ada"), 10)} == {order.id, other.id}
    with pytest.raises(OrderStateError):
        await orders.cancel(cancellation(order), order.id)
    with pytest.raises(OrderNotParkedError):
        await orders.resume(pb.ResumeOrderRequest(request_id="resume", name=f"orders/{order.id}"), order.id)


async def test_what_only_newer_code_can_tell_is_told_as_unspecified(orders: Orders, database: Database) -> None:
    order = await orders.place(request(), CART)
    await written(database, order, state="ON_HOLD", rejection_reason="SUSPICIOUS", step="REVIEW")
    read = await orders.order(order.id)
    assert (read.state, read.step, read.has_ended) == (State.UNSPECIFIED, Step.UNSPECIFIED, False)
    assert read.rejection is not None
    assert read.rejection.reason is Reason.UNSPECIFIED
    assert write_order(read).state == pb.Order.STATE_UNSPECIFIED


async def test_an_order_that_older_code_has_ended_is_parked_no_longer(
    orders: Orders, callees: Callees, database: Database
) -> None:
    callees.failing, callees.denying = {"capture"}, {"void"}
    order = await orders.place(request(), CART)
    assert order.parking is not None
    await written(database, order, state="REJECTED")
    ended = await orders.order(order.id)
    assert (ended.parking, ended.is_at_rest) == (None, True)
    assert await orders.orders_after("", Wanted("", parked_only=True), 10) == []


async def test_recovery_goes_through_all_unfinished_orders_page_by_page(
    orders: Orders, callees: Callees, recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.orders.recovery.PAGE", 2)
    placed = [await pending(orders, callees) for _ in range(5)]
    for _ in range(2):
        await recovery.run()
    assert {(await orders.order(order.id)).state for order in placed} == {State.REJECTED}


async def test_a_page_of_unfinished_orders_follows_the_page_before(
    orders: Orders, callees: Callees, database: Database
) -> None:
    ids = sorted([(await pending(orders, callees)).id for _ in range(5)])
    async with database.read() as connection:
        store = Store(connection)
        assert [order.id for order in await store.unfinished("", 3)] == ids[:3]
        assert [order.id for order in await store.unfinished(ids[2], 3)] == ids[3:]
