"""The use cases of payments."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic

from services.payments import processor
from services.payments.domain import Authorization, Payment, State
from services.payments.store import Store
from services.runtime.storage import Database, IdempotentRequests, ReplyT, RequestKey


class Payments(Generic[ReplyT]):
    """The use cases of payments. Each method owns its transaction."""

    def __init__(self, database: Database, requests: IdempotentRequests[Payment, ReplyT]) -> None:
        self._database = database
        self._requests = requests

    async def authorize(self, key: RequestKey, authorization: Authorization) -> ReplyT:
        """Authorize an amount at the payer's bank; a declined payment is not stored. Raises PaymentDeclinedError."""
        return await self._requests.run(key, lambda connection: _authorize(Store(connection), authorization))

    async def capture(self, key: RequestKey, payment_id: str) -> ReplyT:
        """Collect an authorized payment. Raises PaymentNotFoundError, PaymentStateError."""
        return await self._move(key, payment_id, State.CAPTURED)

    async def void(self, key: RequestKey, payment_id: str) -> ReplyT:
        """Cancel an authorized payment. Raises PaymentNotFoundError, PaymentStateError."""
        return await self._move(key, payment_id, State.VOIDED)

    async def refund(self, key: RequestKey, payment_id: str) -> ReplyT:
        """Refund a captured payment. Raises PaymentNotFoundError, PaymentStateError."""
        return await self._move(key, payment_id, State.REFUNDED)

    async def get(self, payment_id: str) -> Payment:
        """Return one payment. Raises PaymentNotFoundError."""
        async with self._database.read(snapshot=False) as connection:
            return await Store(connection).payment(payment_id)

    async def list(self, after: str, limit: int) -> Sequence[Payment]:
        """Return up to `limit` payments, newest first, that follow the payment with the id `after`."""
        async with self._database.read(snapshot=False) as connection:
            return await Store(connection).payments_after(after, limit)

    async def _move(self, key: RequestKey, payment_id: str, state: State) -> ReplyT:
        return await self._requests.run(key, lambda connection: _move(Store(connection), payment_id, state))


async def _authorize(store: Store, authorization: Authorization) -> Payment:
    processor.authorize(authorization.token, authorization.cents)
    now = datetime.now(UTC)
    payment = Payment(
        id=str(uuid.uuid4()),
        state=State.AUTHORIZED,
        cents=authorization.cents,
        currency=authorization.currency,
        reference=authorization.reference,
        create_time=now,
        update_time=now,
    )
    await store.add(payment)
    return payment


async def _move(store: Store, payment_id: str, state: State) -> Payment:
    before = await store.payment(payment_id, lock=True)
    after = before.move_to(state, datetime.now(UTC))
    if after is not before:
        await store.update_state(after)
    return after
