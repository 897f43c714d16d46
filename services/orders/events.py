"""The events of orders: one for each change of an order's state, in the transaction of the change."""

from dataclasses import dataclass

from services.orders.domain import Order, State
from services.orders.v1.messages import write_order
from services.runtime.events import Outbox
from services.runtime.storage import Connection
from shop.orders.v1 import events_pb2 as pb

SOURCE = "//orders.shop.example"

EVENTS = {
    State.PENDING: pb.OrderPlaced,
    State.CONFIRMED: pb.OrderConfirmed,
    State.REJECTED: pb.OrderRejected,
    State.CANCELLED: pb.OrderCancelled,
}
"""The new state of an order → the event to publish. Other states have no event."""


@dataclass(frozen=True, slots=True)
class EventPublisher:
    """Publishes events about orders through the outbox."""

    outbox: Outbox

    async def publish(self, connection: Connection, order: Order) -> None:
        """Add the event of the order's state to the outbox, if the state has one."""
        if (event := EVENTS.get(order.state)) is not None:
            await self.outbox.add(
                connection,
                event(order=write_order(order)),
                key=order.id,
                subject=f"orders/{order.id}",
                time=order.update_time,
            )
