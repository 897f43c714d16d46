"""The tables of orders, and the queries on them. A Store lives as long as one transaction."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    insert,
    select,
    update,
)

from services.orders.domain import UNFINISHED, Destination, Order, OrderFilter, OrderItem, State
from services.orders.errors import OrderNotFoundError, TakenOverError
from services.orders.progress import Call, Parking, ParkingReason, Rejection, RejectionReason, SagaProgress, Step
from services.runtime.storage import Connection, Database, NewestFirst, Row, UtcDateTime

metadata = MetaData()

PublishEvent = Callable[[Connection, Order], Awaitable[None]]
"""Publishes an event about an order, in the transaction that stores the order's new state."""

PublishUpdate = Callable[[Order], None]
"""Publishes a stored order to the calls of this process that wait for it."""

orders = Table(
    "orders",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("customer", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payment_token", String(128), nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("rejection_reason", String(32)),
    Column("rejection_message", String),
    Column("step", String(16), nullable=False),
    Column("reservation", String(128)),
    Column("payment", String(128)),
    Column("revision", Integer, nullable=False),
    # Null if the order is collected, and once it has ended.
    Column("destination", JSON(none_as_null=True)),
    Column("shipping_cents", BigInteger, nullable=False, server_default="0"),
    Column("shipment", String(128)),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("park_time", UtcDateTime),
    Column("park_call", String(32)),
    Column("park_reason", String(32)),
    Index("orders_by_customer", "customer", "create_time", "id"),
    Index("orders_by_time", "create_time", "id"),
    Index("orders_by_state", "state", "id"),
)
items = Table(
    "order_items",
    metadata,
    Column("order_id", String(64), ForeignKey("orders.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("product_id", String(64), nullable=False),
    Column("display_name", String(100), nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity > 0"), nullable=False),
    Column("unit_price_cents", BigInteger, CheckConstraint("unit_price_cents > 0"), nullable=False),
)
IS_UNFINISHED = orders.c.state.in_([state.value for state in UNFINISHED])
# Newer code may have stored a step that is not in Step. Such an order is left to that code.
IS_UNDERSTOOD = orders.c.step.in_([step.name for step in Step])

BY_ID = select(orders).where(orders.c.id == bindparam("id"))
BY_ID_LOCKED = BY_ID.with_for_update()
BY_IDS = select(orders).where(orders.c.id.in_(bindparam("ids", expanding=True)))
REVISIONS = select(orders.c.id, orders.c.revision).where(orders.c.id.in_(bindparam("ids", expanding=True)))
UNFINISHED_AFTER = (
    select(orders.c.id, orders.c.revision, orders.c.create_time)
    .where(IS_UNFINISHED, orders.c.park_time.is_(None), IS_UNDERSTOOD, orders.c.id > bindparam("after"))
    .order_by(orders.c.id)
    .limit(bindparam("limit", type_=Integer))
)
INSERT = insert(orders)
UPDATE = update(orders).where(and_(orders.c.id == bindparam("key"), orders.c.revision == bindparam("revision_before")))
ITEMS_OF_ORDERS = select(items).where(items.c.order_id.in_(bindparam("ids", expanding=True))).order_by(items.c.position)
INSERT_ITEM = insert(items)


@dataclass(frozen=True, slots=True)
class UnfinishedOrder:
    """An order that must be finished, and its revision."""

    id: str
    revision: int
    create_time: datetime


class Store:
    """Reads and writes orders within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, order_id: str, *, lock: bool = False) -> Order:
        """Return one order; with `lock`, locked for an update. Raises OrderNotFoundError."""
        rows = await self._connection.execute(BY_ID_LOCKED if lock else BY_ID, {"id": order_id})
        found = await self._read_orders(rows)
        if not found:
            raise OrderNotFoundError(order_id)
        return found[0]

    async def list(self, order_filter: OrderFilter, after: str, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders that match the filter, newest first, starting after the order `after`."""
        pages = _newest_first(of_customer=bool(order_filter.customer), parked_only=order_filter.parked_only)
        return await self._read_orders(await pages.read(self._connection, after, limit, customer=order_filter.customer))

    async def list_changed(self, revisions: Mapping[str, int]) -> Sequence[Order]:
        """Return the orders that are at another revision than `revisions` (order id → revision) says."""
        rows = await self._connection.execute(REVISIONS, {"ids": [*revisions]})
        changed = [row.id for row in rows if row.revision != revisions[row.id]]
        if not changed:
            return []
        return await self._read_orders(await self._connection.execute(BY_IDS, {"ids": changed}))

    async def list_unfinished(self, after: str, limit: int) -> Sequence[UnfinishedOrder]:
        """Return up to `limit` unfinished orders that are not parked, sorted by id, starting after the id `after`."""
        rows = await self._connection.execute(UNFINISHED_AFTER, {"after": after, "limit": limit})
        return [UnfinishedOrder(row.id, row.revision, row.create_time) for row in rows]

    async def add(self, order: Order, publish_event: PublishEvent) -> Order:
        """Store a new order, publish its event, and return it."""
        await publish_event(self._connection, order)
        await self._connection.defer(INSERT, {"id": order.id, **_terms(order), **_progress(order)})
        await self._connection.defer(
            INSERT_ITEM,
            [
                {
                    "order_id": order.id,
                    "position": position,
                    "product_id": item.product,
                    "display_name": item.display_name,
                    "quantity": item.quantity,
                    "unit_price_cents": item.unit_price_cents,
                }
                for position, item in enumerate(order.items)
            ],
        )
        return order

    async def update(self, order: Order) -> Order:
        """Store an order's state and progress, and return it at its new revision.

        Raises TakenOverError if the stored order is not at the revision that `order` was made from.
        """
        progress = order.progress
        stored = order.with_progress(replace(progress, revision=progress.revision + 1))
        key = {"key": order.id, "revision_before": progress.revision}
        result = await self._connection.execute(UPDATE, {**key, **_progress(stored)})
        if result.rowcount != 1:
            raise TakenOverError(order.id)
        return stored

    async def _read_orders(self, rows: Iterable[Row]) -> Sequence[Order]:
        found = [*rows]
        items_by_order: defaultdict[str, list[OrderItem]] = defaultdict(list)
        for row in await self._connection.execute(ITEMS_OF_ORDERS, {"ids": [row.id for row in found]}):
            item = OrderItem(row.product_id, row.display_name, row.quantity, row.unit_price_cents)
            items_by_order[row.order_id].append(item)
        return [_to_order(row, items_by_order[row.id]) for row in found]


class SagaLog:
    """The saga's log. Each entry is a transaction, committed before the next step starts."""

    def __init__(self, database: Database, publish_event: PublishEvent, publish_update: PublishUpdate) -> None:
        self._database = database
        self._publish_event = publish_event
        self._publish_update = publish_update

    async def advance(self, order: Order) -> Order:
        """Store an order, publish an event if it has ended, and return it. Raises TakenOverError."""
        # Shared: the revision already ensures that only one process writes an order at a time.
        async with self._database.write(shared=True) as connection:
            stored = await Store(connection).update(order)
            # The saga advances only orders that have not ended. No other change of their state has an event.
            if stored.has_ended:
                await self._publish_event(connection, stored)
        self._publish_update(stored)
        return stored


@cache
def _newest_first(*, of_customer: bool, parked_only: bool) -> NewestFirst:
    conditions = [orders.c.customer == bindparam("customer")] if of_customer else []
    conditions += [IS_UNFINISHED, orders.c.park_time.is_not(None)] if parked_only else []
    return NewestFirst(orders, orders.c.create_time, *conditions)


def _terms(order: Order) -> Mapping[str, object]:
    """Return the columns that never change."""
    return {
        "customer": order.customer,
        "currency": order.currency,
        "create_time": order.create_time,
        "shipping_cents": order.shipping_cents,
    }


def _progress(order: Order) -> Mapping[str, object]:
    progress = order.progress
    rejection, parking = progress.rejection, progress.parking
    return {
        "payment_token": order.payment_token,
        "destination": order.destination and asdict(order.destination),
        "update_time": order.update_time,
        "state": order.state.value,
        "rejection_reason": rejection and rejection.reason.value,
        "rejection_message": rejection and rejection.message,
        "step": progress.step.name,
        "revision": progress.revision,
        "reservation": progress.reservation,
        "payment": progress.payment,
        "shipment": progress.shipment,
        "failures": progress.failures,
        "park_time": parking and parking.time,
        "park_call": parking and parking.call.value,
        "park_reason": parking and parking.reason.value,
    }


def _to_order(row: Row, order_items: Iterable[OrderItem]) -> Order:
    return Order(
        id=row.id,
        customer=row.customer,
        items=tuple(order_items),
        currency=row.currency,
        payment_token=row.payment_token,
        create_time=row.create_time,
        update_time=row.update_time,
        destination=_to_destination(row.destination),
        shipping_cents=row.shipping_cents,
        state=State(row.state),
        progress=_to_progress(row),
    )


def _to_progress(row: Row) -> SagaProgress:
    is_rejected = bool(row.rejection_reason)
    # Releases without parking finish a parked order and leave the columns as they are.
    is_parked = bool(row.park_time) and State(row.state) in UNFINISHED
    return SagaProgress(
        step=Step.__members__.get(row.step, Step.UNSPECIFIED),
        reservation=row.reservation,
        payment=row.payment,
        shipment=row.shipment,
        rejection=Rejection(RejectionReason(row.rejection_reason), row.rejection_message) if is_rejected else None,
        revision=row.revision,
        failures=row.failures,
        parking=Parking(row.park_time, Call(row.park_call), ParkingReason(row.park_reason)) if is_parked else None,
    )


def _to_destination(stored: Mapping[str, Any] | None) -> Destination | None:
    return Destination(**{**stored, "lines": tuple(stored["lines"])}) if stored else None
