"""Checks notifications and analytics. Whether their content is correct is checked in test_events.py."""

import grpc.aio

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from tests.compatibility.client.calls import INVALID, status_of
from tests.support.errors import refused


async def check_notifications(channel: grpc.aio.Channel) -> None:
    """Read the notifications of all customers."""
    pb, stub = notifications_pb2, notifications_pb2_grpc.NotificationsServiceStub(channel)
    await stub.ListNotifications(pb.ListNotificationsRequest(customer="customers/-", page_size=1))
    error = await refused(stub.ListNotifications(pb.ListNotificationsRequest(customer="ada")))
    assert (status_of(error), error.fields) == (INVALID, ["customer"])


async def check_analytics(channel: grpc.aio.Channel) -> None:
    """Read the sales and their summary."""
    pb, stub = analytics_pb2, analytics_pb2_grpc.AnalyticsServiceStub(channel)
    sales = (await stub.ListSales(pb.ListSalesRequest())).sales
    summary = (await stub.GetSalesSummary(pb.GetSalesSummaryRequest())).summary
    assert summary.placed_orders >= len(sales)
