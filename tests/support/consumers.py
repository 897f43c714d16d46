"""The services that consume the events of orders, and everything that they store because of them."""

from typing import Any

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from tests.support.clock import eventually
from tests.support.kafka import Broker
from tests.support.processes import Process
from tests.support.starters import Start

CONSUMERS = ("analytics", "inventory", "notifications")


async def pages(method: Any, request: Any) -> list[Any]:  # noqa: ANN401  # a stub's method and its request
    """Return the entries of all pages of a list."""
    all_entries: list[Any] = []
    while True:
        reply = await method(request)
        entries, token = (getattr(reply, field.name) for field in reply.DESCRIPTOR.fields)
        all_entries += entries
        if not token:
            return all_entries
        request.page_token = token


async def effects(consumers: dict[str, Process]) -> dict[str, list[Any]]:
    """Return everything that the consumers store because of events."""
    of_all_customers = notifications_pb2.ListNotificationsRequest(customer="customers/-", page_size=100)
    async with (
        consumers["analytics"].channel() as analytics,
        consumers["inventory"].channel() as inventory,
        consumers["notifications"].channel() as notifications,
    ):
        analytics_stub = analytics_pb2_grpc.AnalyticsServiceStub(analytics)
        summary = (await analytics_stub.GetSalesSummary(analytics_pb2.GetSalesSummaryRequest())).summary
        list_demands = inventory_pb2_grpc.InventoryServiceStub(inventory).ListDemands
        list_notifications = notifications_pb2_grpc.NotificationsServiceStub(notifications).ListNotifications
        return {
            "figures": [summary],
            "sales": await pages(analytics_stub.ListSales, analytics_pb2.ListSalesRequest(page_size=100)),
            "demands": await pages(list_demands, inventory_pb2.ListDemandsRequest(page_size=100)),
            "notifications": await pages(list_notifications, of_all_customers),
        }


async def wait_until_consumed(consumers: dict[str, Process], records: int) -> None:
    """Wait until every consumer has consumed at least so many records, and has none left."""
    for consumer in consumers.values():
        async for attempt in eventually():
            with attempt:
                report = consumer.events()["consumer"]
                assert report["taken"] >= records
                assert sum(report["lag"].values()) == 0


def start_consumers(start: Start, broker: Broker) -> dict[str, Process]:
    """Start the consumers on their own databases. They consume all events from the first one."""
    for name in CONSUMERS:
        broker.rewind(name)
    return {name: start(name, broker.environment) for name in CONSUMERS}
