"""Handles the events of orders: counts each order as a sale."""

from datetime import UTC
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics.domain import ProductSales, Sale, State
from services.analytics.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name, to_cents
from services.runtime.storage import lock_name
from shop.orders.v1 import events_pb2 as orders

OrderEvent = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def count(state: State, connection: AsyncConnection, event: Event[OrderEvent]) -> None:
    """Add a sale, or update its state unless the event is older than the stored state. Raises InvalidResourceNameError.

    Each event contains the whole order, so any of them can be the first.
    """
    store, sale = Store(connection), read_sale(state, event)
    # During a rebalance, two consumers can handle events of one order. The second one waits for the first one's commit.
    await lock_name(connection, f"sales/{sale.id}")
    stored_state = await store.state(sale.id)
    if stored_state is None:
        await store.add(sale)
    elif state.may_follow(stored_state):
        await store.update_state(sale)


def read_sale(state: State, event: Event[OrderEvent]) -> Sale:
    """Convert an event to a sale. Raises InvalidResourceNameError."""
    order = event.message.order
    return Sale(
        id=parse_resource_name(order.name, "orders"),
        state=state,
        currency=order.total.currency_code,
        total_cents=to_cents(order.total),
        products=tuple(
            ProductSales(parse_resource_name(item.product, "products"), item.display_name, item.quantity)
            for item in order.items
        ),
        place_time=order.create_time.ToDatetime(UTC),
        event_time=event.time,
    )


HANDLERS: Handlers = {
    orders.OrderPlaced: partial(count, State.PLACED),
    orders.OrderConfirmed: partial(count, State.CONFIRMED),
    orders.OrderRejected: partial(count, State.REJECTED),
    orders.OrderCancelled: partial(count, State.CANCELLED),
}
