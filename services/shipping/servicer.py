"""The gRPC methods of shipping, and the status of each error."""

from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.runtime.rpc import ErrorStatus, ErrorTable, read_page, request_key, resource_id
from services.shipping import domain, messages
from services.shipping.handlers import Shipping
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

    def __init__(self, shipping: Shipping[pb.Shipment]) -> None:
        self._shipping = shipping

    @override
    async def QuoteShipping(self, request: pb.QuoteShippingRequest, context: Context) -> pb.QuoteShippingResponse:
        quote = self._shipping.quote(request.region_code, request.pieces, request.currency_code)
        return pb.QuoteShippingResponse(quote=messages.write_quote(quote, request.currency_code))

    @override
    async def BookShipment(self, request: pb.BookShipmentRequest, context: Context) -> pb.BookShipmentResponse:
        shipment = await self._shipping.book(request_key(request), messages.read_booking(request))
        return pb.BookShipmentResponse(shipment=shipment)

    @override
    async def CancelShipment(self, request: pb.CancelShipmentRequest, context: Context) -> pb.CancelShipmentResponse:
        shipment = await self._shipping.cancel(request_key(request), resource_id(request.name))
        return pb.CancelShipmentResponse(shipment=shipment)

    @override
    async def GetShipment(self, request: pb.GetShipmentRequest, context: Context) -> pb.GetShipmentResponse:
        shipment = await self._shipping.get(resource_id(request.name))
        return pb.GetShipmentResponse(shipment=messages.write_shipment(shipment))

    @override
    async def ListShipments(self, request: pb.ListShipmentsRequest, context: Context) -> pb.ListShipmentsResponse:
        page = read_page(request, "shipments")
        shipments = await self._shipping.list(page.after, page.limit)
        return messages.write_list(shipments, page)
