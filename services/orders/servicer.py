"""The first version's methods: read the request, hand it to its handler, write the reply. And how errors are told."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.orders import domain, messages
from services.orders.handlers import Orders
from services.orders.peers import CatalogUnavailableError, ShippingUnavailableError
from services.runtime.rpc import ErrorStatus, ErrorTable, principal, resource_id
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc

INVALID = grpc.StatusCode.INVALID_ARGUMENT
ERRORS = ErrorTable(
    "orders.shop.example",
    {
        domain.OrderNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"),
        domain.NotYourCustomerError: ErrorStatus(grpc.StatusCode.PERMISSION_DENIED, "CUSTOMER_NOT_YOURS"),
        domain.OrderStateError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "ORDER_WRONG_STATE"),
        domain.OrderNotParkedError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PARKED"),
        domain.UnknownProductsError: ErrorStatus(INVALID, "INVALID_FIELDS", messages.write_unknown_products),
        domain.MixedCurrenciesError: ErrorStatus(INVALID, "INVALID_FIELDS", messages.write_unfit_items),
        domain.TotalTooLargeError: ErrorStatus(INVALID, "INVALID_FIELDS", messages.write_unfit_items),
        domain.RegionNotServedError: ErrorStatus(INVALID, "INVALID_FIELDS", messages.write_unserved_region),
        CatalogUnavailableError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "CATALOG_UNAVAILABLE"),
        ShippingUnavailableError: ErrorStatus(grpc.StatusCode.UNAVAILABLE, "SHIPPING_UNAVAILABLE"),
    },
)

Context = grpc.aio.ServicerContext[Any, Any]


class OrdersServicer(orders_pb2_grpc.OrdersServiceServicer):
    """shop.orders.v1.OrdersService."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    @override
    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Context) -> pb.PlaceOrderResponse:
        placing = messages.meant(request, messages.read_caller(principal()))
        order = await self._orders.place(placing, messages.read_cart(placing))
        return pb.PlaceOrderResponse(order=messages.write_order(order))

    @override
    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:
        order = await self._orders.order(resource_id(request.name), messages.read_caller(principal()))
        return pb.GetOrderResponse(order=messages.write_order(order))

    @override
    async def WatchOrder(self, request: pb.WatchOrderRequest, context: Context) -> AsyncIterator[pb.WatchOrderResponse]:
        orders = self._orders.watch(messages.read_watch(request), messages.read_caller(principal()))
        async for order, token in messages.write_changes(orders, messages.write_order, request.resume_token):
            yield pb.WatchOrderResponse(order=order, resume_token=token)

    @override
    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.CancelOrderResponse:
        order = await self._orders.cancel(request, resource_id(request.name), messages.read_caller(principal()))
        return pb.CancelOrderResponse(order=messages.write_order(order))

    @override
    async def ResumeOrder(self, request: pb.ResumeOrderRequest, context: Context) -> pb.ResumeOrderResponse:
        order = await self._orders.resume(request, resource_id(request.name))
        return pb.ResumeOrderResponse(order=messages.write_order(order))

    @override
    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        wanted, page = messages.read_list(messages.meant(request, messages.read_caller(principal())))
        found = await self._orders.orders_after(page.after, wanted, page.limit)
        orders, token = page.cut(found, key=lambda order: order.id)
        return pb.ListOrdersResponse(orders=map(messages.write_order, orders), next_page_token=token)


def add(orders: Orders, server: grpc.aio.Server) -> str:
    """Serve this version, and answer the service's full name."""
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(OrdersServicer(orders), server)
    return pb.DESCRIPTOR.services_by_name["OrdersService"].full_name
