"""What the service does for each call: ask the processor, let the domain decide, write. All in one transaction."""

import uuid
from datetime import UTC, datetime

from services.payments import processor
from services.payments.domain import Authorization, Payment, State
from services.payments.store import Store


async def authorize_payment(store: Store, asked: Authorization) -> Payment:
    """Set an amount aside. Raises PaymentDeclinedError, and keeps nothing then."""
    processor.authorize(asked.token, asked.cents)
    now = datetime.now(UTC)
    payment = Payment(
        id=str(uuid.uuid4()),
        state=State.AUTHORIZED,
        cents=asked.cents,
        currency=asked.currency,
        reference=asked.reference,
        create_time=now,
        update_time=now,
    )
    await store.add(payment)
    return payment


async def settle_payment(store: Store, payment_id: str, state: State) -> Payment:
    """Capture, void or refund the whole amount. Raises PaymentNotFoundError, PaymentStateError."""
    before = await store.payment(payment_id, lock=True)
    after = before.become(state, datetime.now(UTC))
    if after is not before:
        await store.put_state(after)
    return after
