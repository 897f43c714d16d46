"""The composition root: `python -m services.orders`."""

from pathlib import Path

import grpc.aio

from services.orders.error_table import ERRORS
from services.orders.events import SOURCE, EventPublisher
from services.orders.handlers import Orders
from services.orders.peers import Catalog, Inventory, Payments, Shipping
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.orders.store import SagaLog
from services.orders.updates import OrderUpdates
from services.orders.v1 import servicer as v1
from services.orders.v2 import servicer as v2
from services.runtime import Runtime, serve

HERE = Path(__file__).parent
# Recovery finishes an order that has not changed for this long: well above the mesh's timeout of one call.
RECOVERY_IDLE_SECONDS = 10.0
RECOVERY_INTERVAL_SECONDS = 2.0
# How soon a call that waits for an order sees what another process has written.
POLL_INTERVAL_SECONDS = 0.5
# Each function adds the servicer of one version of the contract.
VERSIONS = [v1.add, v2.add]


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database and the channels, start recovery and polling, and add the servicers."""
    database = await runtime.database(HERE / "migrations")
    inventory, payments = Inventory(runtime.channel("inventory")), Payments(runtime.channel("payments"))
    catalog, shipping = Catalog(runtime.channel("catalog")), Shipping(runtime.channel("shipping"))
    runtime.delete_expired_requests(database)
    publisher, updates = EventPublisher(runtime.outbox(database, SOURCE)), OrderUpdates(database)
    saga = Saga(SagaLog(database, publisher.publish, updates.publish), inventory, payments, shipping)
    background = runtime.background()
    background.repeat(RECOVERY_INTERVAL_SECONDS, Recovery(database, saga, RECOVERY_IDLE_SECONDS).run)
    background.repeat(POLL_INTERVAL_SECONDS, updates.poll)
    orders = Orders(database, catalog, shipping, saga, background, publisher.publish, updates)
    return [add(orders, server) for add in VERSIONS]


if __name__ == "__main__":
    serve("orders", register, ERRORS)
