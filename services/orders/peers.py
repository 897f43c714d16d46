"""Clients of the services that orders calls. They translate to and from the domain, and map failures to exceptions."""

from collections.abc import Sequence

import grpc
import grpc.aio
from google.rpc import error_details_pb2

from services.orders.domain import Destination, Order, OrderLine, Product
from services.orders.errors import (
    CatalogUnavailableError,
    PeerFailedError,
    RegionNotServedError,
    ShippingUnavailableError,
    StepRefusedError,
    UnknownProductsError,
)
from services.orders.progress import Rejection, RejectionReason
from services.runtime.rpc import from_cents, read_details, to_cents
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.payments.v1 import payments_pb2, payments_pb2_grpc
from shop.shipping.v1 import shipping_pb2, shipping_pb2_grpc

# A callee that returns one of these cannot carry out the call, however often it is sent.
PERMANENT_CODES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)
# The catalog's reasons for a product that cannot be ordered.
NOT_FOR_SALE = frozenset({"PRODUCT_NOT_FOUND", "PRODUCT_DISCONTINUED"})
# Shipping's business reasons for not booking a shipment.
SHIPPING_REFUSALS = frozenset({"REGION_NOT_SERVED", "ADDRESS_UNDELIVERABLE", "PRICE_CHANGED"})


class Catalog:
    """shop.catalog.v1.CatalogService."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = catalog_pb2_grpc.CatalogServiceStub(channel)

    async def get_products(self, lines: Sequence[OrderLine]) -> Sequence[Product]:
        """Return the product of each line. Raises UnknownProductsError, CatalogUnavailableError."""
        names = [f"products/{line.product}" for line in lines]
        try:
            reply = await self._stub.BatchGetProducts(catalog_pb2.BatchGetProductsRequest(names=names))
        except grpc.aio.AioRpcError as error:
            info = _info(error)
            if info.reason not in NOT_FOR_SALE:
                raise CatalogUnavailableError from error
            unknown = info.metadata["products"].split(",")
            raise UnknownProductsError([index for index, name in enumerate(names) if name in unknown]) from error
        return [
            Product(line.product, product.display_name, to_cents(product.price), product.price.currency_code)
            for line, product in zip(lines, reply.products, strict=True)
        ]


class Inventory:
    """shop.inventory.v1.InventoryService, for the saga."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = inventory_pb2_grpc.InventoryServiceStub(channel)

    async def reserve(self, order: Order) -> str:
        """Reserve the items and return the reservation's name. Raises StepRefusedError, PeerFailedError."""
        request = inventory_pb2.ReserveStockRequest(
            request_id=order.request_id("reserve"),
            lines=[
                inventory_pb2.ReservationLine(product=f"products/{item.product}", quantity=item.quantity)
                for item in order.items
            ],
            reference=f"orders/{order.id}",
        )
        try:
            reply = await self._stub.ReserveStock(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "INSUFFICIENT_STOCK":
                raise StepRefusedError(Rejection(RejectionReason.INSUFFICIENT_STOCK, error.details() or "")) from error
            raise _failure("inventory", error) from error
        return reply.reservation.name

    async def commit(self, order: Order, reservation: str) -> None:
        """Sell the reserved stock. Raises PeerFailedError."""
        request_id = order.request_id("commit")
        request = inventory_pb2.CommitReservationRequest(request_id=request_id, name=reservation)
        try:
            await self._stub.CommitReservation(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("inventory", error) from error

    async def release(self, order: Order, reservation: str) -> bool:
        """Release the reserved stock. Returns False if it is sold already. Raises PeerFailedError."""
        request_id = order.request_id("release")
        request = inventory_pb2.ReleaseReservationRequest(request_id=request_id, name=reservation)
        try:
            await self._stub.ReleaseReservation(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "RESERVATION_WRONG_STATE":
                return False
            raise _failure("inventory", error) from error
        return True

    async def return_stock(self, order: Order, reservation: str) -> None:
        """Return the sold stock. Raises PeerFailedError."""
        request_id = order.request_id("return")
        request = inventory_pb2.ReturnReservationRequest(request_id=request_id, name=reservation)
        try:
            await self._stub.ReturnReservation(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("inventory", error) from error


class Payments:
    """shop.payments.v1.PaymentsService, for the saga."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = payments_pb2_grpc.PaymentsServiceStub(channel)

    async def authorize(self, order: Order) -> str:
        """Authorize the total and return the payment's name. Raises StepRefusedError, PeerFailedError."""
        request = payments_pb2.AuthorizePaymentRequest(
            request_id=order.request_id("authorize"),
            amount=from_cents(order.total_cents, order.currency),
            payment_token=order.payment_token,
            reference=f"orders/{order.id}",
        )
        try:
            reply = await self._stub.AuthorizePayment(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "PAYMENT_DECLINED":
                raise StepRefusedError(Rejection(RejectionReason.PAYMENT_DECLINED, error.details() or "")) from error
            raise _failure("payments", error) from error
        return reply.payment.name

    async def capture(self, order: Order, payment: str) -> None:
        """Capture the authorized money. Raises PeerFailedError."""
        request = payments_pb2.CapturePaymentRequest(request_id=order.request_id("capture"), name=payment)
        try:
            await self._stub.CapturePayment(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("payments", error) from error

    async def void(self, order: Order, payment: str) -> bool:
        """Void the authorization. Returns False if the money is captured already. Raises PeerFailedError."""
        request = payments_pb2.VoidPaymentRequest(request_id=order.request_id("void"), name=payment)
        try:
            await self._stub.VoidPayment(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "PAYMENT_WRONG_STATE":
                return False
            raise _failure("payments", error) from error
        return True

    async def refund(self, order: Order, payment: str) -> None:
        """Refund the captured money. Raises PeerFailedError."""
        request = payments_pb2.RefundPaymentRequest(request_id=order.request_id("refund"), name=payment)
        try:
            await self._stub.RefundPayment(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("payments", error) from error


class Shipping:
    """shop.shipping.v1.ShippingService, for the saga, and for the handlers' quotes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = shipping_pb2_grpc.ShippingServiceStub(channel)

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        """Return the price of shipping, in cents. Raises RegionNotServedError, ShippingUnavailableError."""
        request = shipping_pb2.QuoteShippingRequest(
            region_code=destination.region_code, pieces=pieces, currency_code=currency
        )
        try:
            reply = await self._stub.QuoteShipping(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "REGION_NOT_SERVED":
                raise RegionNotServedError from error
            raise ShippingUnavailableError from error
        return to_cents(reply.quote.price)

    async def book(self, order: Order) -> str:
        """Book the order's shipment and return its name. Raises StepRefusedError, PeerFailedError."""
        assert order.destination is not None  # noqa: S101  # for mypy: the saga books only then
        request = shipping_pb2.BookShipmentRequest(
            request_id=order.request_id("book"),
            destination=shipping_pb2.Address(
                recipient=order.destination.recipient,
                lines=order.destination.lines,
                locality=order.destination.locality,
                postal_code=order.destination.postal_code,
                region_code=order.destination.region_code,
            ),
            pieces=order.pieces,
            price=from_cents(order.shipping_cents, order.currency),
            reference=f"orders/{order.id}",
        )
        try:
            reply = await self._stub.BookShipment(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason in SHIPPING_REFUSALS:
                raise StepRefusedError(Rejection(RejectionReason.SHIPPING_REFUSED, error.details() or "")) from error
            raise _failure("shipping", error) from error
        return reply.shipment.name

    async def cancel(self, order: Order, shipment: str) -> None:
        """Cancel the shipment. Raises PeerFailedError."""
        request = shipping_pb2.CancelShipmentRequest(request_id=order.request_id("cancel"), name=shipment)
        try:
            await self._stub.CancelShipment(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("shipping", error) from error


def _info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    read_details(error, info)
    return info


def _failure(service: str, error: grpc.aio.AioRpcError) -> PeerFailedError:
    # An error from the mesh lacks the callee's ErrorInfo. It says nothing about a later attempt.
    permanent = error.code() in PERMANENT_CODES and _info(error).domain == f"{service}.shop.example"
    return PeerFailedError(f"{service} failed: {error.code().name}", permanent=permanent)
