"""Between the contract's messages and the domain: requests are read, replies are written."""

from services.payments.domain import Authorization, Payment
from services.runtime.rpc import from_cents, to_cents, to_timestamp
from shop.payments.v1 import payments_pb2 as pb


def read_authorization(request: pb.AuthorizePaymentRequest) -> Authorization:
    """Answer what is to be set aside."""
    return Authorization(
        cents=to_cents(request.amount),
        currency=request.amount.currency_code,
        token=request.payment_token,
        reference=request.reference,
    )


def write_payment(payment: Payment) -> pb.Payment:
    """Make the message of a payment."""
    return pb.Payment(
        name=f"payments/{payment.id}",
        state=pb.Payment.State.Value(f"STATE_{payment.state.value}"),
        amount=from_cents(payment.cents, payment.currency),
        reference=payment.reference,
        create_time=to_timestamp(payment.create_time),
        update_time=to_timestamp(payment.update_time),
    )
