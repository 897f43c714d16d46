"""What the service does about the events of orders: each is counted once."""

from datetime import UTC
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics.domain import Line, Sale, State
from services.analytics.store import Store
from services.runtime.events import Event, Handlers
from services.runtime.rpc import parse_resource_name, to_cents
from services.runtime.storage import lock_name
from shop.orders.v1 import events_pb2 as orders

Told = orders.OrderPlaced | orders.OrderConfirmed | orders.OrderRejected | orders.OrderCancelled


async def count(state: State, connection: AsyncConnection, event: Event[Told]) -> None:
    """Count what has become of an order. Raises ForeignNameError.

    Each event tells the whole order, so the first one to come makes it known, whichever that is.
    """
    store, sale = Store(connection), read_sale(state, event)
    # While a partition changes hands, two consumers may be at one order: the second sees what the first has written.
    await lock_name(connection, f"sales/{sale.id}")
    known = await store.state(sale.id)
    if known is None:
        await store.add(sale)
    elif state.may_follow(known):
        await store.put_state(sale)


def read_sale(state: State, event: Event[Told]) -> Sale:
    """Read what is counted of an order. Raises ForeignNameError."""
    order = event.message.order
    return Sale(
        id=parse_resource_name(order.name, "orders"),
        state=state,
        currency=order.total.currency_code,
        total_cents=to_cents(order.total),
        lines=tuple(
            Line(parse_resource_name(item.product, "products"), item.display_name, item.quantity)
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
