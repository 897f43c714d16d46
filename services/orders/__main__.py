"""The composition root: `python -m services.orders`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

import grpc.aio

from services.orders.error_table import ERRORS
from services.orders.events import SOURCE, EventPublisher
from services.orders.handlers import Orders
from services.orders.measurements import measure_states, measure_totals
from services.orders.peers import Catalog, Inventory, Payments, Shipping
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.orders.store import SagaLog
from services.orders.updates import OrderUpdates
from services.orders.v1 import servicer as v1
from services.orders.v2 import servicer as v2
from services.runtime import Runtime, serve

HERE = Path(__file__).parent
# How soon a call that waits for an order sees what another process has written.
POLL_INTERVAL_SECONDS = 0.5
# The sums over all orders, which take 2.5 s for a million of them. The ledger compares sums of a whole hour.
TOTALS_MAX_AGE_SECONDS = 300.0


@dataclass(frozen=True)
class Setup:
    """What a test may replace in this process."""

    versions: tuple[Callable[[Orders, grpc.aio.Server], str], ...] = (v1.add, v2.add)
    """Each function adds the servicer of one version of the contract."""
    recovery_idle_seconds: float = 15.0
    """Recovery finishes an order that has not changed for this long: longer than the four calls between two entries of
    its log, at 3 s each, the mesh's timeout."""
    recovery_interval_seconds: float = 2.0
    recovery_clock: Callable[[], float] = monotonic
    """Returns seconds."""
    inventory: type[Inventory] = Inventory
    payments: type[Payments] = Payments
    shipping: type[Shipping] = Shipping


DEFAULTS = Setup()


async def register(server: grpc.aio.Server, runtime: Runtime, setup: Setup = DEFAULTS) -> list[str]:
    """Open the database and the channels, start recovery and polling, and add the servicers."""
    database = await runtime.database(HERE / "migrations")
    inventory, payments = setup.inventory(runtime.channel("inventory")), setup.payments(runtime.channel("payments"))
    catalog, shipping = Catalog(runtime.channel("catalog")), setup.shipping(runtime.channel("shipping"))
    runtime.delete_expired_requests(database)
    runtime.metrics.measure("orders", partial(measure_states, database))
    runtime.metrics.measure("order_totals", partial(measure_totals, database), TOTALS_MAX_AGE_SECONDS)
    publisher, updates = EventPublisher(runtime.outbox(database, SOURCE)), OrderUpdates(database)
    saga = Saga(SagaLog(database, publisher.publish, updates.publish), inventory, payments, shipping)
    background = runtime.background()
    recovery = Recovery(database, saga, setup.recovery_idle_seconds, setup.recovery_clock, runtime.tracing.work)
    background.repeat(setup.recovery_interval_seconds, recovery.run)
    background.repeat(POLL_INTERVAL_SECONDS, updates.poll)
    orders = Orders(database, catalog, shipping, saga, background, publisher.publish, updates)
    return [add(orders, server) for add in setup.versions]


if __name__ == "__main__":
    serve("orders", register, ERRORS)
