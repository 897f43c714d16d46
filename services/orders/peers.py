"""The services that orders calls, in the terms of its own domain: requests out, refusals and failures back."""

import grpc
import grpc.aio
from google.rpc import error_details_pb2

from services.orders.domain import (
    Destination,
    Order,
    Product,
    Reason,
    RegionNotServedError,
    Rejection,
    UnknownProductsError,
    Wish,
)
from services.orders.saga import PeerFailedError, RefusedError
from services.runtime.rpc import from_cents, read_details, to_cents
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.payments.v1 import payments_pb2, payments_pb2_grpc
from shop.shipping.v1 import shipping_pb2, shipping_pb2_grpc

# With these a callee says that a call cannot be carried out, however often it is sent.
DEFINITE = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)
# Why the catalog does not tell the prices, other than by failing.
NOT_FOR_SALE = frozenset({"PRODUCT_NOT_FOUND", "PRODUCT_DISCONTINUED"})
# Why shipping books nothing, other than by failing.
SHIPPING_REFUSALS = frozenset({"REGION_NOT_SERVED", "ADDRESS_UNDELIVERABLE", "PRICE_CHANGED"})


class CatalogUnavailableError(Exception):
    """The catalog did not tell the prices."""

    def __init__(self) -> None:
        super().__init__("the catalog did not tell the prices; nothing was ordered")


class ShippingUnavailableError(Exception):
    """Shipping did not tell what it costs."""

    def __init__(self) -> None:
        super().__init__("shipping did not tell what it costs; nothing was ordered")


class Catalog:
    """shop.catalog.v1.CatalogService."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = catalog_pb2_grpc.CatalogServiceStub(channel)

    async def products(self, wishes: tuple[Wish, ...]) -> list[Product]:
        """Answer the products of `wishes`, one for one. Raises UnknownProductsError, CatalogUnavailableError."""
        names = [f"products/{wish.product}" for wish in wishes]
        try:
            reply = await self._stub.BatchGetProducts(catalog_pb2.BatchGetProductsRequest(names=names))
        except grpc.aio.AioRpcError as error:
            info = _info(error)
            if info.reason not in NOT_FOR_SALE:
                raise CatalogUnavailableError from error
            refused = info.metadata["products"].split(",")
            raise UnknownProductsError([place for place, name in enumerate(names) if name in refused]) from error
        return [
            Product(wish.product, product.display_name, to_cents(product.price), product.price.currency_code)
            for wish, product in zip(wishes, reply.products, strict=True)
        ]


class Inventory:
    """shop.inventory.v1.InventoryService, as the saga's Stock."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = inventory_pb2_grpc.InventoryServiceStub(channel)

    async def reserve(self, order: Order) -> str:
        """Hold the items back and answer the reservation. Raises RefusedError, PeerFailedError."""
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
                raise RefusedError(Rejection(Reason.INSUFFICIENT_STOCK, error.details() or "")) from error
            raise _failure("inventory", error) from error
        return reply.reservation.name

    async def commit(self, order: Order, reservation: str) -> None:
        """Sell what is held. Raises PeerFailedError."""
        request_id = order.request_id("commit")
        request = inventory_pb2.CommitReservationRequest(request_id=request_id, name=reservation)
        try:
            await self._stub.CommitReservation(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("inventory", error) from error

    async def release(self, order: Order, reservation: str) -> bool:
        """Give back what is held; False if it is sold already. Raises PeerFailedError."""
        request_id = order.request_id("release")
        request = inventory_pb2.ReleaseReservationRequest(request_id=request_id, name=reservation)
        try:
            await self._stub.ReleaseReservation(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "RESERVATION_WRONG_STATE":
                return False
            raise _failure("inventory", error) from error
        return True

    async def take_back(self, order: Order, reservation: str) -> None:
        """Take back what is sold. Raises PeerFailedError."""
        request_id = order.request_id("return")
        request = inventory_pb2.ReturnReservationRequest(request_id=request_id, name=reservation)
        try:
            await self._stub.ReturnReservation(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("inventory", error) from error


class Payments:
    """shop.payments.v1.PaymentsService, as the saga's Payments."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = payments_pb2_grpc.PaymentsServiceStub(channel)

    async def authorize(self, order: Order) -> str:
        """Set the total aside and answer the payment. Raises RefusedError, PeerFailedError."""
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
                raise RefusedError(Rejection(Reason.PAYMENT_DECLINED, error.details() or "")) from error
            raise _failure("payments", error) from error
        return reply.payment.name

    async def capture(self, order: Order, payment: str) -> None:
        """Collect the money that was set aside. Raises PeerFailedError."""
        request = payments_pb2.CapturePaymentRequest(request_id=order.request_id("capture"), name=payment)
        try:
            await self._stub.CapturePayment(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("payments", error) from error

    async def void(self, order: Order, payment: str) -> bool:
        """Let the money go; False if it is collected already. Raises PeerFailedError."""
        request = payments_pb2.VoidPaymentRequest(request_id=order.request_id("void"), name=payment)
        try:
            await self._stub.VoidPayment(request)
        except grpc.aio.AioRpcError as error:
            if _info(error).reason == "PAYMENT_WRONG_STATE":
                return False
            raise _failure("payments", error) from error
        return True

    async def refund(self, order: Order, payment: str) -> None:
        """Pay the collected money back. Raises PeerFailedError."""
        request = payments_pb2.RefundPaymentRequest(request_id=order.request_id("refund"), name=payment)
        try:
            await self._stub.RefundPayment(request)
        except grpc.aio.AioRpcError as error:
            raise _failure("payments", error) from error


class Shipping:
    """shop.shipping.v1.ShippingService, as the saga's Shipping and the handlers' Tariff."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = shipping_pb2_grpc.ShippingServiceStub(channel)

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        """Answer what shipping costs, in cents. Raises RegionNotServedError, ShippingUnavailableError."""
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
        """Book the order's shipment and answer it. Raises RefusedError, PeerFailedError."""
        assert order.destination is not None  # noqa: S101  # for mypy: the saga books for no other order
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
                raise RefusedError(Rejection(Reason.SHIPPING_REFUSED, error.details() or "")) from error
            raise _failure("shipping", error) from error
        return reply.shipment.name

    async def cancel(self, order: Order, shipment: str) -> None:
        """Take the booking back. Raises PeerFailedError."""
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
    # What the mesh answers in the callee's place has no ErrorInfo of the callee's, and says nothing about later.
    refused = error.code() in DEFINITE and _info(error).domain == f"{service}.shop.example"
    return PeerFailedError(f"{service} failed: {error.code().name}", refused=refused)
