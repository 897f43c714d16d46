"""notifications and analytics: what was told of orders is read; whether it is right, the tests of events see."""

import grpc.aio

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from tests.compatibility.client.calls import INVALID, kind
from tests.services.refusals import refused


async def of_notifications(channel: grpc.aio.Channel) -> None:
    """Read everybody's."""
    pb, stub = notifications_pb2, notifications_pb2_grpc.NotificationsServiceStub(channel)
    await stub.ListNotifications(pb.ListNotificationsRequest(customer="customers/-", page_size=1))
    error = await refused(stub.ListNotifications(pb.ListNotificationsRequest(customer="ada")))
    assert (kind(error), error.fields) == (INVALID, ["customer"])


async def of_analytics(channel: grpc.aio.Channel) -> None:
    """Read the sales and their sums."""
    pb, stub = analytics_pb2, analytics_pb2_grpc.AnalyticsServiceStub(channel)
    sales = (await stub.ListSales(pb.ListSalesRequest())).sales
    summary = (await stub.GetSalesSummary(pb.GetSalesSummaryRequest())).summary
    assert summary.placed_orders >= len(sales)
