"""Notifications in the service's database."""

from collections.abc import Sequence

from sqlalchemy import Column, Index, MetaData, String, Table, bindparam, insert

from services.notifications.domain import MAX_TEXT_CHARACTERS, Kind, Notification
from services.runtime.storage import Connection, NewestFirst, Row, UtcDateTime

metadata = MetaData()

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("customer", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("text", String(MAX_TEXT_CHARACTERS), nullable=False),
    Column("event_time", UtcDateTime, nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Index("notifications_by_customer", "customer", "event_time", "id"),
    Index("notifications_by_event_time", "event_time", "id"),
)
INSERT = insert(notifications)
NEWEST_FIRST = NewestFirst(notifications, notifications.c.event_time)
NEWEST_FIRST_OF_CUSTOMER = NewestFirst(
    notifications, notifications.c.event_time, notifications.c.customer == bindparam("customer")
)


class Store:
    """Reads and writes notifications within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, notification: Notification) -> None:
        """Insert a notification."""
        await self._connection.defer(
            INSERT,
            {
                "id": notification.id,
                "customer": notification.customer,
                "order_id": notification.order,
                "kind": notification.kind.value,
                "text": notification.text,
                "event_time": notification.event_time,
                "create_time": notification.create_time,
            },
        )

    async def notifications_after(self, after: str, customer: str | None, limit: int) -> Sequence[Notification]:
        """Return up to `limit` notifications of a customer, or of all customers for None.

        The newest event comes first. The list starts after the id `after` (empty: at the newest).
        """
        pages = NEWEST_FIRST if customer is None else NEWEST_FIRST_OF_CUSTOMER
        rows = await pages.read(self._connection, after, limit, customer=customer)
        return [_notification(row) for row in rows]


def _notification(row: Row) -> Notification:
    return Notification(
        id=row.id,
        customer=row.customer,
        order=row.order_id,
        kind=Kind(row.kind),
        text=row.text,
        event_time=row.event_time,
        create_time=row.create_time,
    )
