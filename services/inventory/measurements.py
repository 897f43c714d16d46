"""What the database of inventory says about the business, as metrics."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import case, func, select

from services.inventory.domain import State
from services.inventory.store import reservations, stocks
from services.runtime.metrics import gauge
from services.runtime.storage import Database

NUMBERS = select(reservations.c.state, func.count().label("number")).group_by(reservations.c.state)
PIECES = ("available", "reserved", "sold", "received")
STOCK = select(
    *(func.coalesce(func.sum(stocks.c[name]), 0).label(name) for name in PIECES),
    func.coalesce(func.sum(case((stocks.c.available == 0, 1), else_=0)), 0).label("out_of_stock"),
)


async def measure(database: Database) -> Iterable[Metric]:
    """Return the number of pieces and of reservations."""
    [stock] = await database.scan(STOCK)
    numbers = {row.state: row.number for row in await database.scan(NUMBERS)}
    return [
        gauge(
            "shop_stock_pieces",
            "Pieces of all products: available, reserved, sold, and received, which is the sum of the others.",
            "state",
            {name: getattr(stock, name) for name in PIECES},
        ),
        GaugeMetricFamily(
            "shop_products_out_of_stock", "Products of which no piece is available.", float(stock.out_of_stock)
        ),
        gauge(
            "shop_reservations_in_state",
            "Reservations of stock, by state.",
            "state",
            {state.value: numbers.get(state.value, 0) for state in State},
        ),
    ]
