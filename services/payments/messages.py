"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

from services.payments.domain import Authorization, Payment
from services.runtime import Check
from services.runtime.instants import timestamp
from services.runtime.money import from_cents
from services.runtime.paging import Page, read_page
from shop.payments.v1 import payments_pb2 as pb

MOST_UNITS = 1_000_000
LONGEST_TEXT = 128


def read_authorization(request: pb.AuthorizePaymentRequest) -> Authorization:
    """Answer what is to be set aside. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return Authorization(
            cents=check.amount("amount", request.amount, most_units=MOST_UNITS),
            currency=request.amount.currency_code,
            token=check.text("payment_token", request.payment_token, longest=LONGEST_TEXT),
            reference=check.text("reference", request.reference, shortest=0, longest=LONGEST_TEXT),
        )


def read_settling(request: pb.CapturePaymentRequest | pb.VoidPaymentRequest | pb.RefundPaymentRequest) -> str:
    """Answer the payment that is to be settled. Raises InvalidFieldsError."""
    with Check() as check:
        check.request_id(request.request_id)
        return check.resource("name", request.name, "payments")


def read_payment_name(request: pb.GetPaymentRequest) -> str:
    """Answer the payment that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "payments")


def read_list(request: pb.ListPaymentsRequest) -> Page:
    """Answer the page that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return read_page(check, request.page_size, request.page_token, "payments")


def write_payment(payment: Payment) -> pb.Payment:
    """Make the message of a payment."""
    return pb.Payment(
        name=f"payments/{payment.id}",
        state=pb.Payment.State.Value(f"STATE_{payment.state.value}"),
        amount=from_cents(payment.cents, payment.currency),
        reference=payment.reference,
        create_time=timestamp(payment.create_time),
        update_time=timestamp(payment.update_time),
    )
