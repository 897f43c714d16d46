"""The use cases of payments. Each runs within the caller's transaction."""

import uuid
from datetime import UTC, datetime

from services.payments import processor
from services.payments.domain import Authorization, Payment, State
from services.payments.store import Store


async def authorize_payment(store: Store, authorization: Authorization) -> Payment:
    """Authorize an amount at the payer's bank. Raises PaymentDeclinedError; a declined payment is not stored."""
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


async def settle_payment(store: Store, payment_id: str, state: State) -> Payment:
    """Capture, void or refund a payment. Raises PaymentNotFoundError, PaymentStateError."""
    before = await store.payment(payment_id, lock=True)
    after = before.move_to(state, datetime.now(UTC))
    if after is not before:
        await store.update_state(after)
    return after
