"""The services that take orders' events, and everything that the events have led to."""

from typing import Any

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from tests.services.conftest import Start
from tests.services.harness import Process
from tests.services.kafka import Broker
from tests.services.shop import patiently

CONSUMERS = ("analytics", "inventory", "notifications")


async def pages(method: Any, request: Any) -> list[Any]:  # noqa: ANN401  # a stub's method and its request
    """Answer every entry of a list."""
    found: list[Any] = []
    while True:
        reply = await method(request)
        entries, token = (getattr(reply, field.name) for field in reply.DESCRIPTOR.fields)
        found += entries
        if not token:
            return found
        request.page_token = token


async def effects(consumers: dict[str, Process]) -> dict[str, list[Any]]:
    """Answer everything that the events have led to."""
    every = notifications_pb2.ListNotificationsRequest(customer="customers/-", page_size=100)
    async with (
        consumers["analytics"].channel() as analytics,
        consumers["inventory"].channel() as inventory,
        consumers["notifications"].channel() as notifications,
    ):
        figures = analytics_pb2_grpc.AnalyticsServiceStub(analytics)
        summary = (await figures.GetSalesSummary(analytics_pb2.GetSalesSummaryRequest())).summary
        demands = inventory_pb2_grpc.InventoryServiceStub(inventory).ListDemands
        letters = notifications_pb2_grpc.NotificationsServiceStub(notifications).ListNotifications
        return {
            "figures": [summary],
            "sales": await pages(figures.ListSales, analytics_pb2.ListSalesRequest(page_size=100)),
            "demands": await pages(demands, inventory_pb2.ListDemandsRequest(page_size=100)),
            "notifications": await pages(letters, every),
        }


async def have_taken(consumers: dict[str, Process], records: int) -> None:
    """Wait until every consumer has read so many records, and has none before it."""
    for consumer in consumers.values():
        async for attempt in patiently():
            with attempt:
                report = consumer.events()["consumer"]
                assert report["taken"] >= records
                assert sum(report["lag"].values()) == 0


def started(start: Start, broker: Broker) -> dict[str, Process]:
    """Start the consumers on their own databases, to read from the first event on."""
    for name in CONSUMERS:
        broker.rewind(name)
    return {name: start(name, broker.environment) for name in CONSUMERS}
