"""The use cases of notifications."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.notifications.domain import Kind, Notification, Order, render_text
from services.notifications.store import Store
from services.runtime.storage import Database


class Notifications:
    """The use cases of notifications. Each method owns its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, customer: str | None, after: str, limit: int) -> Sequence[Notification]:
        """Return up to `limit` notifications of a customer, or of all customers for None.

        The newest event comes first. The list follows the notification with the id `after`.
        """
        async with self._database.read() as connection:
            return await Store(connection).notifications_after(after, customer, limit)


async def notify(store: Store, event_id: str, kind: Kind, order: Order, event_time: datetime) -> None:
    """Store the notification of an order's event, in the transaction of the event."""
    notification = Notification(
        id=event_id,
        customer=order.customer,
        order=order.id,
        kind=kind,
        text=render_text(kind, order),
        event_time=event_time,
        create_time=datetime.now(UTC),
    )
    await store.add(notification)
