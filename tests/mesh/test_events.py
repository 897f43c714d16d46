"""Events in the mesh: an order is told to whom it concerns, and the end of Kafka holds nobody up."""

import signal

from tests.conftest import Measured
from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import Mesh, eventually


async def applied(mesh: Mesh, app: str) -> int:
    return int((await mesh.events(app))["consumer"]["applied"])


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
            assert (await mesh.events("orders"))["outbox"]["waiting"] == 0
            assert await applied(mesh, "notifications") >= before + 6
    (again,) = mesh.processes("java")
    measured(f"Kafka's memory: {again.memory_info().rss / 2**20:.0f} MiB")
