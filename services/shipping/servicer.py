"""The gRPC methods of shipping, and the status of each error."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.runtime.rpc import ErrorStatus, ErrorTable, read_page, request_key, resource_id
from services.runtime.storage import Database
from services.runtime.storage.idempotency import reply_once
from services.shipping import carrier, domain, handlers, messages
from services.shipping.store import Store
from shop.shipping.v1 import shipping_pb2 as pb
from shop.shipping.v1 import shipping_pb2_grpc

FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
ERRORS = ErrorTable(
    "shipping.shop.example",
    {
        domain.ShipmentNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "SHIPMENT_NOT_FOUND"),
        domain.RegionNotServedError: ErrorStatus(FAILED_PRECONDITION, "REGION_NOT_SERVED"),
        domain.AddressUndeliverableError: ErrorStatus(FAILED_PRECONDITION, "ADDRESS_UNDELIVERABLE"),
        domain.PriceChangedError: ErrorStatus(FAILED_PRECONDITION, "PRICE_CHANGED"),
    },
)

Context = grpc.aio.ServicerContext[Any, Any]


class ShippingServicer(shipping_pb2_grpc.ShippingServiceServicer):
    """Implements shop.shipping.v1.ShippingService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def QuoteShipping(self, request: pb.QuoteShippingRequest, context: Context) -> pb.QuoteShippingResponse:
        quote = carrier.quote(request.region_code, request.pieces, request.currency_code)
        return pb.QuoteShippingResponse(quote=messages.write_quote(quote, request.currency_code))

    @override
    async def BookShipment(self, request: pb.BookShipmentRequest, context: Context) -> pb.BookShipmentResponse:
        booking = messages.read_booking(request)
        shipment = await self._once(request, lambda store: handlers.book_shipment(store, booking))
        return pb.BookShipmentResponse(shipment=shipment)

    @override
    async def CancelShipment(self, request: pb.CancelShipmentRequest, context: Context) -> pb.CancelShipmentResponse:
        name = resource_id(request.name)
        shipment = await self._once(request, lambda store: handlers.cancel_shipment(store, name))
        return pb.CancelShipmentResponse(shipment=shipment)

    @override
    async def GetShipment(self, request: pb.GetShipmentRequest, context: Context) -> pb.GetShipmentResponse:
        name = resource_id(request.name)
        async with self._database.read() as connection:
            shipment = await Store(connection).shipment(name)
        return pb.GetShipmentResponse(shipment=messages.write_shipment(shipment))

    @override
    async def ListShipments(self, request: pb.ListShipmentsRequest, context: Context) -> pb.ListShipmentsResponse:
        page = read_page(request, "shipments")
        async with self._database.read() as connection:
            shipments = await Store(connection).shipments_after(page.after, page.limit)
        page_shipments, token = page.cut(shipments, key=lambda shipment: shipment.id)
        return pb.ListShipmentsResponse(shipments=map(messages.write_shipment, page_shipments), next_page_token=token)

    async def _once(
        self,
        request: pb.BookShipmentRequest | pb.CancelShipmentRequest,
        change: Callable[[Store], Awaitable[domain.Shipment]],
    ) -> pb.Shipment:
        async with self._database.write(shared=True) as connection:
            store = Store(connection)
            write = messages.write_shipment
            return await reply_once(connection, request_key(request), lambda: change(store), store.shipment, write)
