"""payments: money is authorized, captured, refunded, and let go."""

import grpc.aio
from google.type.money_pb2 import Money

from shop.payments.v1 import payments_pb2 as pb
from shop.payments.v1 import payments_pb2_grpc
from tests.compatibility.client.calls import PRECONDITION, kind, new_id
from tests.services.refusals import refused

AMOUNT = Money(currency_code="EUR", units=20, nanos=500_000_000)


def authorizing(token: str = "tok_visa") -> pb.AuthorizePaymentRequest:  # noqa: S107  # the simulated processor's
    """Make a request."""
    return pb.AuthorizePaymentRequest(request_id=new_id(), amount=AMOUNT, payment_token=token, reference="orders/1")


async def go(channel: grpc.aio.Channel) -> None:
    """Make the round."""
    stub = payments_pb2_grpc.PaymentsServiceStub(channel)
    request = authorizing()
    held = (await stub.AuthorizePayment(request)).payment
    assert (held.state, held.amount, held.reference) == (pb.Payment.STATE_AUTHORIZED, AMOUNT, "orders/1")
    assert (await stub.AuthorizePayment(request)).payment == held
    captured = (await stub.CapturePayment(pb.CapturePaymentRequest(request_id=new_id(), name=held.name))).payment
    assert captured.state == pb.Payment.STATE_CAPTURED
    refunded = (await stub.RefundPayment(pb.RefundPaymentRequest(request_id=new_id(), name=held.name))).payment
    assert refunded.state == pb.Payment.STATE_REFUNDED
    assert (await stub.GetPayment(pb.GetPaymentRequest(name=held.name))).payment == refunded

    other = (await stub.AuthorizePayment(authorizing())).payment
    voided = (await stub.VoidPayment(pb.VoidPaymentRequest(request_id=new_id(), name=other.name))).payment
    assert voided.state == pb.Payment.STATE_VOIDED
    assert list((await stub.ListPayments(pb.ListPaymentsRequest(page_size=1))).payments) == [voided]
    error = await refused(stub.AuthorizePayment(authorizing("tok_declined")))
    assert kind(error) == (PRECONDITION, "PAYMENT_DECLINED")
    error = await refused(stub.CapturePayment(pb.CapturePaymentRequest(request_id=new_id(), name=held.name)))
    assert kind(error) == (PRECONDITION, "PAYMENT_WRONG_STATE")
