"""What the database of orders says about the business, as metrics."""

from collections.abc import Iterable

from prometheus_client import Metric
from sqlalchemy import case, func, select

from services.orders.domain import State
from services.orders.progress import ParkingReason
from services.orders.store import IS_UNFINISHED, items, orders
from services.runtime.metrics import gauge
from services.runtime.storage import Database

NUMBERS = select(orders.c.state, func.count().label("number")).group_by(orders.c.state)
PARKED = (
    select(orders.c.park_reason, func.count().label("number"))
    .where(IS_UNFINISHED, orders.c.park_time.is_not(None))
    .group_by(orders.c.park_reason)
)
# Every order has an item at position 0. Its row stands for the shipping of the order.
SHIPPING_CENTS = case((items.c.position == 0, orders.c.shipping_cents), else_=0)
TOTALS = (
    select(
        orders.c.state,
        orders.c.currency,
        func.sum(items.c.quantity * items.c.unit_price_cents + SHIPPING_CENTS).label("cents"),
        func.sum(items.c.quantity).label("pieces"),
    )
    .join_from(orders, items)
    .group_by(orders.c.state, orders.c.currency)
)


async def measure_states(database: Database) -> Iterable[Metric]:
    """Return the number of orders. Both queries use an index."""
    numbers = {row.state: row.number for row in await database.scan(NUMBERS)}
    parked = {row.park_reason: row.number for row in await database.scan(PARKED)}
    return [
        gauge("shop_orders_in_state", "Orders, by state.", "state", {**_zeros(State), **numbers}),
        gauge(
            "shop_orders_parked",
            "Orders that wait for an operator: a callee refused to undo them, or all attempts failed (exhausted).",
            "reason",
            {**_zeros(ParkingReason), **parked},
        ),
    ]


async def measure_totals(database: Database) -> Iterable[Metric]:
    """Return what the orders are worth, and how many pieces they have. The query reads all orders."""
    rows = await database.scan(TOTALS)
    cents = {(row.state, row.currency): row.cents for row in rows}
    pieces = {state: sum(row.pieces for row in rows if row.state == state) for state in _zeros(State)}
    return [
        gauge(
            "shop_orders_value_cents",
            "The sum of the totals of the orders, with shipping, in cents of their currency.",
            ("state", "currency"),
            cents,
        ),
        gauge("shop_orders_pieces", "Pieces in the orders, by state.", "state", pieces),
    ]


def _zeros(values: Iterable[State | ParkingReason]) -> dict[str, int]:
    return {value.value: 0 for value in values if value.value != "UNSPECIFIED"}
