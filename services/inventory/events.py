"""What the service does about the events of orders: what was asked for, sold and missed is added up."""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.domain import Demand
from services.inventory.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name
from services.runtime.storage import lock_name
from shop.orders.v1 import events_pb2 as orders
from shop.orders.v1 import orders_pb2

Told = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def count(
    connection: AsyncConnection, event: Event[Told], *, asked: int = 0, sold: int = 0, missed: int = 0
) -> None:
    """Add each item's pieces, times what is given, to the demand for its product. Raises ForeignNameError."""
    # Orders have products in common: of two processes that count, the second waits for the first one's commit.
    await lock_name(connection, "demands")
    for item in event.message.order.items:
        product, pieces = parse_resource_name(item.product, "products"), item.quantity
        demand = Demand(product, asked * pieces, sold * pieces, missed * pieces, event.time)
        await Store(connection).add_demand(demand)


async def reject(connection: AsyncConnection, event: Event[Told]) -> None:
    """Count what was missed, if it was for lack of stock. Raises ForeignNameError."""
    if event.message.order.rejection_reason == orders_pb2.Order.REJECTION_REASON_INSUFFICIENT_STOCK:
        await count(connection, event, missed=1)


HANDLERS: Handlers = {
    orders.OrderPlaced: partial(count, asked=1),
    orders.OrderConfirmed: partial(count, sold=1),
    orders.OrderRejected: reject,
    orders.OrderCancelled: partial(count, sold=-1),
}
