"""All events delivered twice, and then all over again from the first one: each has had its effect once."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message

from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from tests.services.conftest import Shared, Start
from tests.services.harness import Process, targets
from tests.services.kafka import Broker, headers_of
from tests.services.shop import CANCELLED, CONFIRMED, REJECTED, Shop, cart, patiently

TOPIC = "shop.orders.v1.events"
CONSUMERS = ("analytics", "inventory", "notifications")


@pytest.fixture
async def told(start: Start, shared: Shared, broker: Broker) -> AsyncIterator[None]:
    """Have orders of every end, and their events in Kafka."""
    callees = [shared(name) for name in ("catalog", "inventory", "payments", "shipping")]
    orders = start("orders", {**targets(*callees), **broker.environment})
    shop = Shop(orders, *callees[1:])
    for _ in range(3):
        order = await shop.place(cart(p_0001=2))
        assert order.state == CONFIRMED
    assert (await shop.cancel(order.name)).state == CANCELLED
    assert (await shop.place(cart(p_0199=1))).state == REJECTED, "p-0199 is sold out"
    async for attempt in patiently():
        with attempt:
            assert orders.events()["outbox"]["waiting"] == 0
    yield
    await shop.close()


async def pages(method: Any, request: Message) -> list[Message]:  # noqa: ANN401  # a stub's method
    """Answer every entry of a list."""
    found: list[Message] = []
    while True:
        reply = await method(request)
        entries, token = (getattr(reply, field.name) for field in reply.DESCRIPTOR.fields)
        found += entries
        if not token:
            return found
        request.page_token = token  # type: ignore[attr-defined]  # of every list


async def effects(consumers: dict[str, Process]) -> dict[str, list[Message]]:
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


@pytest.mark.usefixtures("told")
async def test_whatever_is_delivered_again_has_no_effect_again(start: Start, broker: Broker) -> None:
    consumers = started(start, broker)
    all_of_them = broker.records(TOPIC)
    await have_taken(consumers, len(all_of_them))
    once = await effects(consumers)
    assert all(once.values())

    broker.send(TOPIC, *((bytes(r.key() or b""), bytes(r.value() or b""), headers_of(r)) for r in all_of_them))
    await have_taken(consumers, 2 * len(all_of_them))
    assert await effects(consumers) == once

    for consumer in consumers.values():
        consumer.stop()
    consumers = started(start, broker)
    await have_taken(consumers, 2 * len(all_of_them))
    assert await effects(consumers) == once
