"""Events in the mesh: an order is told to whom it concerns, and the end of Kafka holds nobody up."""

import json
import signal
import urllib.request
from typing import Any

from tests.conftest import Measured
from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import Mesh, eventually


async def events(mesh: Mesh, app: str) -> dict[str, Any]:
    """Answer what an app's management port says of its events."""
    pod = await mesh.pod(app)
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8081/events", timeout=5) as reply:  # noqa: ASYNC210  # local
        found: dict[str, Any] = json.load(reply)
        return found


async def applied(mesh: Mesh, app: str) -> int:
    return int((await events(mesh, app))["consumer"]["applied"])


async def test_an_order_through_the_gateway_is_told_to_both_consumers(mesh: Mesh, shop: Shop) -> None:
    before = {app: await applied(mesh, app) for app in ("notifications", "analytics")}
    assert (await status_of(shop.place_order())).name == "OK"
    for app, count in before.items():
        async for attempt in eventually(20):
            with attempt:
                assert await applied(mesh, app) >= count + 2


async def test_orders_go_on_while_kafka_is_killed_and_their_events_come_later(
    mesh: Mesh, shop: Shop, measured: Measured
) -> None:
    before = await applied(mesh, "notifications")
    (broker,) = mesh.processes("java")
    broker.send_signal(signal.SIGKILL)
    for _ in range(3):
        assert (await status_of(shop.place_order())).name == "OK"
    async for attempt in eventually(60):
        with attempt:
            assert (await events(mesh, "orders"))["outbox"]["waiting"] == 0
            assert await applied(mesh, "notifications") >= before + 6
    (again,) = mesh.processes("java")
    measured(f"Kafka's memory: {again.memory_info().rss / 2**20:.0f} MiB")
