"""The gRPC methods of payments, and the status of each error."""

from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.payments import domain, messages
from services.payments.handlers import Payments
from services.runtime.rpc import ErrorStatus, ErrorTable, read_page, request_key, resource_id
from shop.payments.v1 import payments_pb2 as pb
from shop.payments.v1 import payments_pb2_grpc

ERRORS = ErrorTable(
    "payments.shop.example",
    {
        domain.PaymentNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND"),
        domain.PaymentStateError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_WRONG_STATE"),
        domain.PaymentDeclinedError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_DECLINED"),
    },
)

Context = grpc.aio.ServicerContext[Any, Any]


class PaymentsServicer(payments_pb2_grpc.PaymentsServiceServicer):
    """Implements shop.payments.v1.PaymentsService."""

    def __init__(self, payments: Payments[pb.Payment]) -> None:
        self._payments = payments

    @override
    async def AuthorizePayment(
        self, request: pb.AuthorizePaymentRequest, context: Context
    ) -> pb.AuthorizePaymentResponse:
        payment = await self._payments.authorize(request_key(request), messages.read_authorization(request))
        return pb.AuthorizePaymentResponse(payment=payment)

    @override
    async def CapturePayment(self, request: pb.CapturePaymentRequest, context: Context) -> pb.CapturePaymentResponse:
        payment = await self._payments.capture(request_key(request), resource_id(request.name))
        return pb.CapturePaymentResponse(payment=payment)

    @override
    async def VoidPayment(self, request: pb.VoidPaymentRequest, context: Context) -> pb.VoidPaymentResponse:
        payment = await self._payments.void(request_key(request), resource_id(request.name))
        return pb.VoidPaymentResponse(payment=payment)

    @override
    async def RefundPayment(self, request: pb.RefundPaymentRequest, context: Context) -> pb.RefundPaymentResponse:
        payment = await self._payments.refund(request_key(request), resource_id(request.name))
        return pb.RefundPaymentResponse(payment=payment)

    @override
    async def GetPayment(self, request: pb.GetPaymentRequest, context: Context) -> pb.GetPaymentResponse:
        payment = await self._payments.get(resource_id(request.name))
        return pb.GetPaymentResponse(payment=messages.write_payment(payment))

    @override
    async def ListPayments(self, request: pb.ListPaymentsRequest, context: Context) -> pb.ListPaymentsResponse:
        page = read_page(request, "payments")
        payments = await self._payments.list(page.after, page.limit)
        return messages.write_list(payments, page)
