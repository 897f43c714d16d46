"""What orders tells others: an event for each change of an order's state, in the transaction of the change."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.domain import Order, State
from services.orders.messages import write_order
from services.runtime.events import Outbox
from shop.orders.v1 import events_pb2 as pb

SOURCE = "//orders.shop.example"

EVENTS = {
    State.PENDING: pb.OrderPlaced,
    State.CONFIRMED: pb.OrderConfirmed,
    State.REJECTED: pb.OrderRejected,
    State.CANCELLED: pb.OrderCancelled,
}
"""The state that an order has come to → what is told of it; other states are passed through in silence."""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells of orders through the outbox."""

    outbox: Outbox

    async def __call__(self, connection: AsyncConnection, order: Order) -> None:
        """Tell that the order has come to the state that it is in."""
        if (event := EVENTS.get(order.state)) is not None:
            await self.outbox.add(
                connection,
                event(order=write_order(order)),
                key=order.id,
                subject=f"orders/{order.id}",
                time=order.update_time,
            )
