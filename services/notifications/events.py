"""Handles the events of orders: stores a notification for each."""

from datetime import UTC, datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.domain import Kind, Notification, Order, render_text
from services.notifications.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name, to_cents
from shop.orders.v1 import events_pb2 as orders
from shop.orders.v1 import orders_pb2

OrderEvent = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def notify(kind: Kind, connection: AsyncConnection, event: Event[OrderEvent]) -> None:
    """Store the notification of an order's event. Raises InvalidResourceNameError."""
    order = read_order(event.message.order)
    await Store(connection).add(
        Notification(
            id=event.id,
            customer=order.customer,
            order=order.id,
            kind=kind,
            text=render_text(kind, order),
            event_time=event.time,
            create_time=datetime.now(UTC),
        )
    )


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
    orders.OrderPlaced: partial(notify, Kind.ORDER_PLACED),
    orders.OrderConfirmed: partial(notify, Kind.ORDER_CONFIRMED),
    orders.OrderRejected: partial(notify, Kind.ORDER_REJECTED),
    orders.OrderCancelled: partial(notify, Kind.ORDER_CANCELLED),
}
