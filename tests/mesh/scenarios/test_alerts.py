"""Each scenario with a fault fires its alert under a steady load, and no other one."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import grpc.aio
import pytest

from mesh.local import instance
from mesh.local.chaos.alerts import END_TIMEOUT_SECONDS, FIRE_TIMEOUT_SECONDS, AlertWatch
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh.calls import Call, Shop, SteadyCalls
from tests.mesh.harness import dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.sick_replica import HOST, make_one_pod_fail
from tests.support.checkout import ROOT
from tests.support.clock import Stopwatch, eventually
from tests.support.report import notes

DOCUMENT = ROOT / "mesh/observability/README.md"
ROW = re.compile(r"^\| \[(?P<scenario>[\w-]+)\]\(\S+\)[^|]*\| (?P<alert>\w+) \| (?P<service>\w*) \|$", re.MULTILINE)
ALERTS = {row["scenario"]: f"{row['alert']} {row['service']}" for row in ROW.finditer(DOCUMENT.read_text("utf-8"))}
"""Scenario → its alert and the service, as documented."""
MARKED = {
    "circuit-breaker": "slow",
    "fault-abort": "abort",
    "fault-delay": "delay",
    "retry-budget": "gone",
    "retry-safe-reads": "flaky",
}
"""Scenario → the value of the header x-fault that its calls have."""
EJECTION = "outlier-ejection"
CALLERS = {"circuit-breaker": 20, "bulkhead": 12}


def calls(name: str, channel: grpc.aio.Channel) -> Mapping[str, Call]:
    """Return the calls of the load for a scenario: what each of its callers repeats."""
    shop, catalog = Shop(channel), catalog_pb2_grpc.CatalogServiceStub(channel)

    async def read_marked() -> None:
        request = catalog_pb2.GetProductRequest(name="products/p-0001")
        await catalog.GetProduct(request, metadata=grpc.aio.Metadata(("x-fault", MARKED[name])), timeout=10)

    call = read_marked if name in MARKED else shop.get_product if name == EJECTION else shop.place_order
    return {f"caller {number}": call for number in range(CALLERS.get(name, 4))}


@asynccontextmanager
async def applied(scenario: Scenario) -> AsyncIterator[None]:
    """Apply a scenario, with what its README does by hand."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(scenario.applied())
        if scenario.name == EJECTION:
            await stack.enter_async_context(scenario.mesh.scaled("deployment/catalog", 3))
            await make_one_pod_fail(scenario.mesh)
        yield


@pytest.mark.timing
@pytest.mark.timeout(600)  # until no alert fires, until the alert fires, and until it ends
@pytest.mark.parametrize("name", ALERTS)
async def test_a_fault_fires_its_alert_and_no_other(
    name: str, scenario: Scenario, request: pytest.FixtureRequest
) -> None:
    mesh, expected = scenario.mesh, ALERTS[name]
    await mesh.wait_for_rollout("observability")
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(AlertWatch(instance.load(mesh.name)))
        authority = {"authority": HOST} if name == EJECTION else {}
        channel = await stack.enter_async_context(dial(mesh.gateway, token=await mesh.token(), **authority))
        async with applied(replace(scenario, name=name)), SteadyCalls(calls(name, channel), pause=0.1):
            stopwatch = Stopwatch()
            async for attempt in eventually(FIRE_TIMEOUT_SECONDS):
                with attempt:
                    assert expected in watch.periods
            fired = stopwatch.elapsed()
        async for attempt in eventually(END_TIMEOUT_SECONDS):
            with attempt:
                assert [alert for alert, period in watch.periods.items() if period.end is None] == []
        ended = stopwatch.elapsed()
    assert list(watch.periods) == [expected]
    notes(request.config, "scenarios").append((f"alert: {name}", expected, f"fired {fired:.0f} s, ended {ended:.0f} s"))
