"""Consumes the events of orders: counts the demand for products."""

from functools import partial

from services.inventory.domain import Demand
from services.inventory.handlers import count_demand
from services.inventory.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name
from services.runtime.storage import Connection
from shop.orders.v1 import events_pb2 as orders
from shop.orders.v1 import orders_pb2

OrderEvent = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def count(
    connection: Connection, event: Event[OrderEvent], *, asked: int = 0, sold: int = 0, missed: int = 0
) -> None:
    """Add the pieces of each item, times the factors, to the demand of its product. Raises InvalidResourceNameError."""
    demands = [
        Demand(
            product=parse_resource_name(item.product, "products"),
            asked=asked * item.quantity,
            sold=sold * item.quantity,
            missed=missed * item.quantity,
            event_time=event.time,
        )
        for item in event.message.order.items
    ]
    await count_demand(Store(connection), demands)


async def count_rejected(connection: Connection, event: Event[OrderEvent]) -> None:
    """Count the pieces as missed if the order was rejected for lack of stock. Raises InvalidResourceNameError."""
    if event.message.order.rejection_reason == orders_pb2.Order.REJECTION_REASON_INSUFFICIENT_STOCK:
        await count(connection, event, missed=1)


HANDLERS: Handlers = {
    orders.OrderPlaced: partial(count, asked=1),
    orders.OrderConfirmed: partial(count, sold=1),
    orders.OrderRejected: count_rejected,
    orders.OrderCancelled: partial(count, sold=-1),
}
