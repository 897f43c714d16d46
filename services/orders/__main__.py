"""The composition root: `python -m services.orders`."""

from pathlib import Path

import grpc.aio

from services.orders import servicer as v1
from services.orders.events import SOURCE, Announcer
from services.orders.handlers import Orders
from services.orders.news import News
from services.orders.peers import Catalog, Inventory, Payments, Shipping
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.orders.servicer import ERRORS
from services.orders.store import Log
from services.orders.v2 import servicer as v2
from services.runtime import Runtime, serve

HERE = Path(__file__).parent
# An order that has not moved for so long is given back: well above what the mesh lets one call take.
RECOVERY_SECONDS = 10.0
# How often recovery looks for such orders.
RECOVERY_PASS_SECONDS = 2.0
# How soon those who wait for an order hear of what another process has written.
LOOK_SECONDS = 0.5
# Each adds the servicer of one version of the contract.
VERSIONS = [v1.add, v2.add]


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database and the channels, begin to recover unfinished orders, and add the servicers."""
    database = await runtime.database(HERE / "migrations")
    inventory, payments = Inventory(runtime.channel("inventory")), Payments(runtime.channel("payments"))
    catalog, shipping = Catalog(runtime.channel("catalog")), Shipping(runtime.channel("shipping"))
    runtime.delete_expired_requests(database)
    announce = Announcer(runtime.outbox(database, SOURCE))
    news = News(database)
    saga = Saga(Log(database, announce, news.tell), inventory, payments, shipping)
    background = runtime.background()
    background.repeat(RECOVERY_PASS_SECONDS, Recovery(database, saga, RECOVERY_SECONDS).run)
    background.repeat(LOOK_SECONDS, news.look)
    orders = Orders(database, catalog, shipping, saga, background, announce, news)
    return [add(orders, server) for add in VERSIONS]


if __name__ == "__main__":
    serve("orders", register, ERRORS)
