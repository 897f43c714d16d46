"""Payments in the service's database."""

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from services.payments.domain import Payment, PaymentNotFoundError, State
from services.runtime.storage import Connection, NewestFirst, Row, UtcDateTime

metadata = MetaData()

payments = Table(
    "payments",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("cents", BigInteger, CheckConstraint("cents > 0"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Index("payments_by_create_time", "create_time", "id"),
)
BY_ID = select(payments).where(payments.c.id == bindparam("id"))
BY_ID_LOCKED = BY_ID.with_for_update()
NEWEST_FIRST = NewestFirst(payments, payments.c.create_time)
INSERT = insert(payments)
UPDATE = update(payments).where(payments.c.id == bindparam("key"))


class Store:
    """Reads and writes payments within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def payment(self, payment_id: str, *, lock: bool = False) -> Payment:
        """Return a payment; `lock` its row if it will be changed. Raises PaymentNotFoundError."""
        rows = await self._connection.execute(BY_ID_LOCKED if lock else BY_ID, {"id": payment_id})
        row = rows.one_or_none()
        if row is None:
            raise PaymentNotFoundError(payment_id)
        return _payment(row)

    async def payments_after(self, after: str, limit: int) -> Sequence[Payment]:
        """Return up to `limit` payments, newest first, starting after the id `after` (empty: at the newest)."""
        return [_payment(row) for row in await NEWEST_FIRST.read(self._connection, after, limit)]

    async def add(self, payment: Payment) -> None:
        """Insert a payment."""
        await self._connection.defer(
            INSERT,
            {
                "id": payment.id,
                "state": payment.state.value,
                "cents": payment.cents,
                "currency": payment.currency,
                "reference": payment.reference,
                "create_time": payment.create_time,
                "update_time": payment.update_time,
            },
        )

    async def update_state(self, payment: Payment) -> None:
        """Update the state and the update time of a payment."""
        changed = {"state": payment.state.value, "update_time": payment.update_time}
        await self._connection.defer(UPDATE, {"key": payment.id, **changed})


async def find_payment(connection: Connection, payment_id: str) -> Payment:
    """Return one payment. Raises PaymentNotFoundError."""
    return await Store(connection).payment(payment_id)


def _payment(row: Row) -> Payment:
    return Payment(
        id=row.id,
        state=State(row.state),
        cents=row.cents,
        currency=row.currency,
        reference=row.reference,
        create_time=row.create_time,
        update_time=row.update_time,
    )
