"""The methods of the second version: read the request, call the handler, write the reply."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from typing_extensions import override

from services.orders import requests
from services.orders.handlers import Orders
from services.orders.resume_tokens import with_resume_tokens
from services.orders.v2 import messages
from services.runtime.rpc import request_key, resource_id
from shop.orders.v2 import orders_pb2 as pb
from shop.orders.v2 import orders_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class OrdersServicer(orders_pb2_grpc.OrdersServiceServicer):
    """shop.orders.v2.OrdersService."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    @override
    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Context) -> pb.PlaceOrderResponse:
        v1_request = requests.resolve_customer(messages.convert_place(request))
        order = await self._orders.place(request_key(v1_request), requests.read_cart(v1_request))
        return pb.PlaceOrderResponse(order=messages.write_order(order))

    @override
    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:
        order = await self._orders.get(resource_id(request.name), requests.read_caller())
        return pb.GetOrderResponse(order=messages.write_order(order))

    @override
    async def WatchOrder(self, request: pb.WatchOrderRequest, context: Context) -> AsyncIterator[pb.WatchOrderResponse]:
        orders = self._orders.watch(requests.read_watch(messages.convert_watch(request)), requests.read_caller())
        async for order, token in with_resume_tokens(orders, messages.write_order, request.resume_token):
            yield pb.WatchOrderResponse(order=order, resume_token=token)

    @override
    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.CancelOrderResponse:
        key, order_id = request_key(messages.convert_cancel(request)), resource_id(request.name)
        order = await self._orders.cancel(key, order_id, requests.read_caller())
        return pb.CancelOrderResponse(order=messages.write_order(order))

    @override
    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        order_filter, page = requests.read_list(requests.resolve_customer(messages.convert_list(request)))
        orders = await self._orders.list(order_filter, page.after, page.limit)
        return messages.write_list(orders, page)


def add(orders: Orders, server: grpc.aio.Server) -> str:
    """Add this version's servicer to the server, and return the service's full name."""
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(OrdersServicer(orders), server)
    return pb.DESCRIPTOR.services_by_name["OrdersService"].full_name
