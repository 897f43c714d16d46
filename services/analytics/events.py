"""Consumes the events of orders: counts each order as a sale."""

from datetime import UTC
from functools import partial

from services.analytics.domain import ProductSales, Sale, State
from services.analytics.handlers import count_sale
from services.analytics.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name, to_cents
from services.runtime.storage import Connection
from shop.orders.v1 import events_pb2 as orders
from shop.orders.v1 import orders_pb2

OrderEvent = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def count(state: State, connection: Connection, event: Event[OrderEvent]) -> None:
    """Count the order of an event. Raises InvalidResourceNameError."""
    await count_sale(Store(connection), read_sale(state, event))


def read_sale(state: State, event: Event[OrderEvent]) -> Sale:
    """Convert an event to a sale. Raises InvalidResourceNameError."""
    order = event.message.order
    return Sale(
        id=parse_resource_name(order.name, "orders"),
        state=state,
        currency=order.total.currency_code,
        total_cents=to_cents(order.total),
        products=tuple(map(read_item, order.items)),
        place_time=order.create_time.ToDatetime(UTC),
        event_time=event.time,
    )


def read_item(item: orders_pb2.OrderItem) -> ProductSales:
    """Convert an item of an order. Raises InvalidResourceNameError."""
    return ProductSales(parse_resource_name(item.product, "products"), item.display_name, item.quantity)


HANDLERS: Handlers = {
    orders.OrderPlaced: partial(count, State.PLACED),
    orders.OrderConfirmed: partial(count, State.CONFIRMED),
    orders.OrderRejected: partial(count, State.REJECTED),
    orders.OrderCancelled: partial(count, State.CANCELLED),
}
