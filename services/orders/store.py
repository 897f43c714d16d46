"""Orders and the log of their placing in the service's database. A Store lives as long as one transaction."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
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
    Row,
    String,
    Table,
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.domain import (
    UNFINISHED,
    Call,
    Destination,
    Hindrance,
    Item,
    Order,
    OrderNotFoundError,
    Parking,
    Reason,
    Rejection,
    State,
    Step,
    TakenOverError,
    Wanted,
)
from services.runtime.storage import Database, UtcDateTime, newest_first

metadata = MetaData()

Announce = Callable[[AsyncConnection, Order], Awaitable[None]]
"""Tells others of an order, in the transaction that brought it to its state."""

Tell = Callable[[Order], None]
"""Tells those who wait in this process of an order, once it is stored."""

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
    # Null once the order has ended, or if it is collected.
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


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An order that is to be carried on, and the revision at which it is."""

    id: str
    revision: int
    create_time: datetime


class Store:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def order(self, order_id: str, *, lock: bool = False) -> Order:
        """Answer one order; `lock` it for a change. Raises OrderNotFoundError."""
        it = select(orders).where(orders.c.id == order_id)
        found = await self._orders(await self._connection.execute(it.with_for_update() if lock else it))
        if not found:
            raise OrderNotFoundError(order_id)
        return found[0]

    async def orders_after(self, after: str, wanted: Wanted, limit: int) -> list[Order]:
        """Answer up to `limit` of the wanted orders, the newest first, from the one that follows the id `after` on."""
        query = newest_first(orders, orders.c.create_time, after, limit)
        if wanted.customer:
            query = query.where(orders.c.customer == wanted.customer)
        if wanted.parked_only:
            query = query.where(IS_UNFINISHED, orders.c.park_time.is_not(None))
        return await self._orders(await self._connection.execute(query))

    async def moved(self, revisions: Mapping[str, int]) -> list[Order]:
        """Answer those of some orders that are at another revision than the one by their ids."""
        query = select(orders.c.id, orders.c.revision).where(orders.c.id.in_(revisions))
        moved = [row.id for row in await self._connection.execute(query) if row.revision != revisions[row.id]]
        if not moved:
            return []
        return await self._orders(await self._connection.execute(select(orders).where(orders.c.id.in_(moved))))

    async def state(self, order_id: str) -> State:
        """Answer the state of an order that there is."""
        return State(
            (await self._connection.execute(select(orders.c.state).where(orders.c.id == order_id))).scalar_one()
        )

    async def unfinished(self, after: str, limit: int) -> list[Unfinished]:
        """Answer up to `limit` orders that are to be carried on, in the sequence of their ids, after the id `after`."""
        # Others, which newer code has brought to a step that is not known here, are that code's to carry on.
        understood = orders.c.step.in_([step.name for step in Step])
        to_do = and_(IS_UNFINISHED, orders.c.park_time.is_(None), understood, orders.c.id > after)
        query = select(orders.c.id, orders.c.revision, orders.c.create_time).where(to_do)
        rows = await self._connection.execute(query.order_by(orders.c.id).limit(limit))
        return [Unfinished(row.id, row.revision, row.create_time) for row in rows]

    async def add(self, order: Order, announce: Announce) -> Order:
        """Write a new order, tell of it, and answer it."""
        await announce(self._connection, order)
        await self._connection.execute(insert(orders).values(id=order.id, revision=order.revision, **_row(order)))
        await self._connection.execute(
            insert(items),
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

    async def put(self, order: Order) -> Order:
        """Write how far an order has come and answer it with its new revision.

        Raises TakenOverError unless the stored order is the revision that `order` was made from.
        """
        here = and_(orders.c.id == order.id, orders.c.revision == order.revision)
        stored = replace(order, revision=order.revision + 1)
        written = await self._connection.execute(
            update(orders).where(here).values(revision=stored.revision, **_row(stored))
        )
        if written.rowcount != 1:
            raise TakenOverError(order.id)
        return stored

    async def _orders(self, rows: Iterable[Row[Any]]) -> list[Order]:
        found = list(rows)
        of_them = select(items).where(items.c.order_id.in_([row.id for row in found])).order_by(items.c.position)
        by_order: defaultdict[str, list[Item]] = defaultdict(list)
        for row in await self._connection.execute(of_them):
            item = Item(row.product_id, row.display_name, row.quantity, row.unit_price_cents)
            by_order[row.order_id].append(item)
        return [_order(row, by_order[row.id]) for row in found]


class Log:
    """The log that the saga writes: each entry is a transaction of its own, on disk before the next step is begun."""

    def __init__(self, database: Database, announce: Announce, tell: Tell) -> None:
        self._database = database
        self._announce = announce
        self._tell = tell

    async def advance(self, order: Order) -> Order:
        """Write how far an order has come, and tell of it if it has come to another state. Raises TakenOverError."""
        # Shared: an order is written by its revision, and so by one writer at a time.
        async with self._database.write(shared=True) as connection:
            store = Store(connection)
            before = await store.state(order.id)
            stored = await store.put(order)
            if stored.state is not before:
                await self._announce(connection, stored)
        self._tell(stored)
        return stored


def _row(order: Order) -> Mapping[str, object]:
    return {
        "customer": order.customer,
        "currency": order.currency,
        "payment_token": order.payment_token,
        "create_time": order.create_time,
        "update_time": order.update_time,
        "state": order.state.value,
        "rejection_reason": order.rejection and order.rejection.reason.value,
        "rejection_message": order.rejection and order.rejection.message,
        "step": order.step.name,
        "reservation": order.reservation,
        "payment": order.payment,
        "destination": order.destination and asdict(order.destination),
        "shipping_cents": order.shipping_cents,
        "shipment": order.shipment,
        "failures": order.failures,
        "park_time": order.parking and order.parking.time,
        "park_call": order.parking and order.parking.call.value,
        "park_reason": order.parking and order.parking.reason.value,
    }


def _order(row: Row[Any], its_items: Sequence[Item]) -> Order:
    rejection = Rejection(Reason(row.rejection_reason), row.rejection_message) if row.rejection_reason else None
    state = State(row.state)
    # Code from before there was parking brings an order to its end and leaves the mark.
    parking = Parking(row.park_time, Call(row.park_call), Hindrance(row.park_reason)) if row.park_time else None
    return Order(
        id=row.id,
        customer=row.customer,
        items=tuple(its_items),
        currency=row.currency,
        payment_token=row.payment_token,
        create_time=row.create_time,
        update_time=row.update_time,
        destination=_destination(row.destination),
        shipping_cents=row.shipping_cents,
        state=state,
        rejection=rejection,
        step=Step.__members__.get(row.step, Step.UNSPECIFIED),
        reservation=row.reservation,
        payment=row.payment,
        shipment=row.shipment,
        revision=row.revision,
        failures=row.failures,
        parking=parking if state in UNFINISHED else None,
    )


def _destination(stored: Mapping[str, Any] | None) -> Destination | None:
    return Destination(**{**stored, "lines": tuple(stored["lines"])}) if stored else None
