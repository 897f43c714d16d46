"""Events in the mesh: consumers process each order, and orders succeed while Kafka is down."""

import signal

import pytest

from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import Mesh
from tests.support.clock import eventually
from tests.support.report import Measured


async def applied_events(mesh: Mesh, app: str) -> int:
    return int((await mesh.events(app))["consumer"]["applied"])


async def test_both_consumers_process_the_events_of_an_order(mesh: Mesh, shop: Shop) -> None:
    before = {app: await applied_events(mesh, app) for app in ("notifications", "analytics")}
    assert (await status_of(shop.place_order())).name == "OK"
    for app, count in before.items():
        async for attempt in eventually(20):
            with attempt:
                assert await applied_events(mesh, app) >= count + 2


@pytest.mark.prove
async def test_orders_succeed_while_kafka_restarts_and_their_events_arrive_later(
    mesh: Mesh, shop: Shop, measured: Measured
) -> None:
    before = await applied_events(mesh, "notifications")
    (broker,) = mesh.processes("java")
    broker.send_signal(signal.SIGKILL)
    for _ in range(3):
        assert (await status_of(shop.place_order())).name == "OK"
    async for attempt in eventually(60):
        with attempt:
            assert (await mesh.events("orders"))["outbox"]["waiting"] == 0
            assert await applied_events(mesh, "notifications") >= before + 6
    (new_broker,) = mesh.processes("java")
    measured(f"Kafka's memory: {new_broker.memory_info().rss / 2**20:.0f} MiB")
