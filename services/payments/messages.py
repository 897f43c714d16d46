"""Converts requests to domain values, and domain values to messages."""

from collections.abc import Sequence

from services.payments.domain import Authorization, Payment
from services.runtime.rpc import Page, from_cents, to_cents, to_timestamp
from shop.payments.v1 import payments_pb2 as pb


def read_authorization(request: pb.AuthorizePaymentRequest) -> Authorization:
    """Convert a request to an authorization."""
    return Authorization(
        cents=to_cents(request.amount),
        currency=request.amount.currency_code,
        token=request.payment_token,
        reference=request.reference,
    )


def write_payment(payment: Payment) -> pb.Payment:
    """Convert a payment to its message."""
    return pb.Payment(
        name=f"payments/{payment.id}",
        state=pb.Payment.State.Value(f"STATE_{payment.state.value}"),
        amount=from_cents(payment.cents, payment.currency),
        reference=payment.reference,
        create_time=to_timestamp(payment.create_time),
        update_time=to_timestamp(payment.update_time),
    )


def write_list(payments: Sequence[Payment], page: Page) -> pb.ListPaymentsResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(payments, key=lambda payment: payment.id, write=write_payment)
    return pb.ListPaymentsResponse(payments=messages, next_page_token=token)
