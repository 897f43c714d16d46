"""What the database of shipping says about the business, as metrics."""

from collections.abc import Iterable

from prometheus_client import Metric
from sqlalchemy import func, select

from services.runtime.metrics import gauge
from services.runtime.storage import Database
from services.shipping.domain import State
from services.shipping.store import shipments

NUMBERS = select(shipments.c.state, func.count().label("number")).group_by(shipments.c.state)


async def measure(database: Database) -> Iterable[Metric]:
    """Return the number of shipments."""
    numbers = {row.state: row.number for row in await database.scan(NUMBERS)}
    by_state = {state.value: numbers.get(state.value, 0) for state in State}
    return [gauge("shop_shipments_in_state", "Shipments, by state.", "state", by_state)]
