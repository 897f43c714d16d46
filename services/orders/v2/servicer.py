"""The second version's methods: read the request, hand it to its handler, write the reply."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from typing_extensions import override

from services.orders import messages as first
from services.orders.handlers import Orders
from services.orders.v2 import messages
from services.runtime.rpc import principal, resource_id
from shop.orders.v2 import orders_pb2 as pb
from shop.orders.v2 import orders_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class OrdersServicer(orders_pb2_grpc.OrdersServiceServicer):
    """shop.orders.v2.OrdersService."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    @override
    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Context) -> pb.PlaceOrderResponse:
        placing = first.meant(messages.read_placing(request), first.read_caller(principal()))
        order = await self._orders.place(placing, first.read_cart(placing))
        return pb.PlaceOrderResponse(order=messages.write_order(order))

    @override
    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:
        order = await self._orders.order(resource_id(request.name), first.read_caller(principal()))
        return pb.GetOrderResponse(order=messages.write_order(order))

    @override
    async def WatchOrder(self, request: pb.WatchOrderRequest, context: Context) -> AsyncIterator[pb.WatchOrderResponse]:
        watching = messages.read_watching(request)
        orders = self._orders.watch(first.read_watch(watching), first.read_caller(principal()))
        async for order, token in first.write_changes(orders, messages.write_order, request.resume_token):
            yield pb.WatchOrderResponse(order=order, resume_token=token)

    @override
    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.CancelOrderResponse:
        cancelling = messages.read_cancelling(request)
        order = await self._orders.cancel(cancelling, resource_id(request.name), first.read_caller(principal()))
        return pb.CancelOrderResponse(order=messages.write_order(order))

    @override
    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        listing = first.meant(messages.read_listing(request), first.read_caller(principal()))
        wanted, page = first.read_list(listing)
        found = await self._orders.orders_after(page.after, wanted, page.limit)
        orders, token = page.cut(found, key=lambda order: order.id)
        return pb.ListOrdersResponse(orders=map(messages.write_order, orders), next_page_token=token)


def add(orders: Orders, server: grpc.aio.Server) -> str:
    """Serve this version, and answer the service's full name."""
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(OrdersServicer(orders), server)
    return pb.DESCRIPTOR.services_by_name["OrdersService"].full_name
