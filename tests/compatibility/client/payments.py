"""Checks payments: authorize, capture, refund and void payments."""

import grpc.aio
from google.type.money_pb2 import Money

from shop.payments.v1 import payments_pb2 as pb
from shop.payments.v1 import payments_pb2_grpc
from tests.compatibility.client.calls import PRECONDITION, new_id, status_of
from tests.support.errors import refused

AMOUNT = Money(currency_code="EUR", units=20, nanos=500_000_000)


def authorization_request(token: str = "tok_visa") -> pb.AuthorizePaymentRequest:  # noqa: S107  # a test token
    """Create a request for an authorization."""
    return pb.AuthorizePaymentRequest(request_id=new_id(), amount=AMOUNT, payment_token=token, reference="orders/1")


async def check(channel: grpc.aio.Channel) -> None:
    """Call every method, and check the responses."""
    stub = payments_pb2_grpc.PaymentsServiceStub(channel)
    request = authorization_request()
    held = (await stub.AuthorizePayment(request)).payment
    assert (held.state, held.amount, held.reference) == (pb.Payment.STATE_AUTHORIZED, AMOUNT, "orders/1")
    assert (await stub.AuthorizePayment(request)).payment == held
    captured = (await stub.CapturePayment(pb.CapturePaymentRequest(request_id=new_id(), name=held.name))).payment
    assert captured.state == pb.Payment.STATE_CAPTURED
    refunded = (await stub.RefundPayment(pb.RefundPaymentRequest(request_id=new_id(), name=held.name))).payment
    assert refunded.state == pb.Payment.STATE_REFUNDED
    assert (await stub.GetPayment(pb.GetPaymentRequest(name=held.name))).payment == refunded

    other = (await stub.AuthorizePayment(authorization_request())).payment
    voided = (await stub.VoidPayment(pb.VoidPaymentRequest(request_id=new_id(), name=other.name))).payment
    assert voided.state == pb.Payment.STATE_VOIDED
    assert list((await stub.ListPayments(pb.ListPaymentsRequest(page_size=1))).payments) == [voided]
    error = await refused(stub.AuthorizePayment(authorization_request("tok_declined")))
    assert status_of(error) == (PRECONDITION, "PAYMENT_DECLINED")
    error = await refused(stub.CapturePayment(pb.CapturePaymentRequest(request_id=new_id(), name=held.name)))
    assert status_of(error) == (PRECONDITION, "PAYMENT_WRONG_STATE")
