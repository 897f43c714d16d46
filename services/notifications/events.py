"""Consumes the events of orders: stores a notification for each."""

from functools import partial

from services.notifications.domain import Kind, Order
from services.notifications.handlers import notify
from services.notifications.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name, to_cents
from services.runtime.storage import Connection
from shop.orders.v1 import events_pb2 as orders
from shop.orders.v1 import orders_pb2

OrderEvent = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def handle(kind: Kind, connection: Connection, event: Event[OrderEvent]) -> None:
    """Notify the customer of an order about its event. Raises InvalidResourceNameError."""
    await notify(Store(connection), event.id, kind, read_order(event.message.order), event.time)


def read_order(order: orders_pb2.Order) -> Order:
    """Convert the order of an event. Raises InvalidResourceNameError."""
    return Order(
        id=parse_resource_name(order.name, "orders"),
        customer=parse_resource_name(order.customer, "customers"),
        pieces=sum(item.quantity for item in order.items),
        total_cents=to_cents(order.total),
        currency=order.total.currency_code,
        rejection_message=order.rejection_message,
    )


HANDLERS: Handlers = {
    orders.OrderPlaced: partial(handle, Kind.ORDER_PLACED),
    orders.OrderConfirmed: partial(handle, Kind.ORDER_CONFIRMED),
    orders.OrderRejected: partial(handle, Kind.ORDER_REJECTED),
    orders.OrderCancelled: partial(handle, Kind.ORDER_CANCELLED),
}
