"""What the service does about the events of orders: each has its customer told once."""

from datetime import UTC, datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.domain import Kind, Notification, Purchase, text_of
from services.notifications.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name, to_cents
from shop.orders.v1 import events_pb2 as orders
from shop.orders.v1 import orders_pb2

Told = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def notify(kind: Kind, connection: AsyncConnection, event: Event[Told]) -> None:
    """Tell the customer of an order what happened to it. Raises ForeignNameError."""
    purchase = read_purchase(event.message.order)
    await Store(connection).add(
        Notification(
            id=event.id,
            customer=purchase.customer,
            order=purchase.id,
            kind=kind,
            text=text_of(kind, purchase),
            event_time=event.time,
            create_time=datetime.now(UTC),
        )
    )


def read_purchase(order: orders_pb2.Order) -> Purchase:
    """Read what is told of an order. Raises ForeignNameError."""
    return Purchase(
        id=parse_resource_name(order.name, "orders"),
        customer=parse_resource_name(order.customer, "customers"),
        pieces=sum(item.quantity for item in order.items),
        total_cents=to_cents(order.total),
        currency=order.total.currency_code,
        refusal=order.rejection_message,
    )


HANDLERS: Handlers = {
    orders.OrderPlaced: partial(notify, Kind.ORDER_PLACED),
    orders.OrderConfirmed: partial(notify, Kind.ORDER_CONFIRMED),
    orders.OrderRejected: partial(notify, Kind.ORDER_REJECTED),
    orders.OrderCancelled: partial(notify, Kind.ORDER_CANCELLED),
}
