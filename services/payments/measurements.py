"""What the database of payments says about the business, as metrics."""

from collections.abc import Iterable

from prometheus_client import Metric
from sqlalchemy import func, select

from services.payments.domain import State
from services.payments.store import payments
from services.runtime.metrics import gauge
from services.runtime.storage import Database

TOTALS = select(
    payments.c.state, payments.c.currency, func.count().label("number"), func.sum(payments.c.cents).label("cents")
).group_by(payments.c.state, payments.c.currency)


async def measure(database: Database) -> Iterable[Metric]:
    """Return the number of payments, and their amounts."""
    rows = await database.scan(TOTALS)
    numbers = {state.value: sum(row.number for row in rows if row.state == state.value) for state in State}
    cents = {(row.state, row.currency): row.cents for row in rows}
    return [
        gauge("shop_payments_in_state", "Payments, by state.", "state", numbers),
        gauge(
            "shop_payments_cents", "The sum of the payments, in cents of their currency.", ("state", "currency"), cents
        ),
    ]
