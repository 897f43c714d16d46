"""The gRPC methods of payments, and the status of each error."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.payments import domain, handlers, messages
from services.payments.domain import State
from services.payments.store import Store
from services.runtime.rpc import ErrorStatus, ErrorTable, read_page, request_key, resource_id
from services.runtime.storage import Database
from services.runtime.storage.idempotency import reply_once
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
Settling = pb.CapturePaymentRequest | pb.VoidPaymentRequest | pb.RefundPaymentRequest


class PaymentsServicer(payments_pb2_grpc.PaymentsServiceServicer):
    """Implements shop.payments.v1.PaymentsService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def AuthorizePayment(
        self, request: pb.AuthorizePaymentRequest, context: Context
    ) -> pb.AuthorizePaymentResponse:
        authorization = messages.read_authorization(request)
        payment = await self._once(request, lambda store: handlers.authorize_payment(store, authorization))
        return pb.AuthorizePaymentResponse(payment=payment)

    @override
    async def CapturePayment(self, request: pb.CapturePaymentRequest, context: Context) -> pb.CapturePaymentResponse:
        return pb.CapturePaymentResponse(payment=await self._settle(request, State.CAPTURED))

    @override
    async def VoidPayment(self, request: pb.VoidPaymentRequest, context: Context) -> pb.VoidPaymentResponse:
        return pb.VoidPaymentResponse(payment=await self._settle(request, State.VOIDED))

    @override
    async def RefundPayment(self, request: pb.RefundPaymentRequest, context: Context) -> pb.RefundPaymentResponse:
        return pb.RefundPaymentResponse(payment=await self._settle(request, State.REFUNDED))

    @override
    async def GetPayment(self, request: pb.GetPaymentRequest, context: Context) -> pb.GetPaymentResponse:
        name = resource_id(request.name)
        async with self._database.read() as connection:
            payment = await Store(connection).payment(name)
        return pb.GetPaymentResponse(payment=messages.write_payment(payment))

    @override
    async def ListPayments(self, request: pb.ListPaymentsRequest, context: Context) -> pb.ListPaymentsResponse:
        page = read_page(request, "payments")
        async with self._database.read() as connection:
            payments = await Store(connection).payments_after(page.after, page.limit)
        page_payments, token = page.cut(payments, key=lambda payment: payment.id)
        return pb.ListPaymentsResponse(payments=map(messages.write_payment, page_payments), next_page_token=token)

    async def _settle(self, request: Settling, state: State) -> pb.Payment:
        name = resource_id(request.name)
        return await self._once(request, lambda store: handlers.settle_payment(store, name, state))

    async def _once(
        self,
        request: pb.AuthorizePaymentRequest | Settling,
        change: Callable[[Store], Awaitable[domain.Payment]],
    ) -> pb.Payment:
        async with self._database.write(shared=True) as connection:
            store = Store(connection)
            write = messages.write_payment
            return await reply_once(connection, request_key(request), lambda: change(store), store.payment, write)
