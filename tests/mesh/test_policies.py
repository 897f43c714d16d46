"""Policies take effect quickly and as defined, and leave nothing behind when they are deleted."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

import pytest

from tests.mesh import policies
from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Manifest, Mesh, dial, listening_addresses
from tests.support.clock import Duration, Stopwatch, eventually

HOST = "scenario.shop.example"
OK = "OK"
# The error of Envoy at the timeout of a route. It has two timers, of the router and of the stream: either can be first.
TIMED_OUT = "UNAVAILABLE upstream request timeout|DEADLINE_EXCEEDED downstream duration timeout"


async def until(outcome: str, mesh: Mesh, within: float) -> None:
    """Call HOST until the outcome matches a regular expression."""
    async with dial(mesh.gateway, authority=HOST) as channel:
        async for attempt in eventually(within):
            with attempt:
                assert re.match(outcome, await outcome_of(Shop(channel).get_product()))


@asynccontextmanager
async def with_fault(mesh: Mesh, app: str, fault: Manifest) -> AsyncIterator[None]:
    """Inject a fault into the responses of an app's sidecar while the block runs."""
    try:
        async with mesh.applied(fault):
            await mesh.restart(app)
            yield
    finally:
        await mesh.restart(app)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"retries": {"attempts": 2, "retryOn": "banana"}}, '"banana" is not a valid retryOn policy'),
        ({"timeout": "-1s"}, "must be a valid duration"),
        ({"fault": {"abort": {"grpcStatus": "NO_SUCH_STATUS"}}}, "NO_SUCH_STATUS"),
    ],
)
async def test_an_invalid_policy_is_rejected_with_istios_message(
    mesh: Mesh, rule: dict[str, object], message: str
) -> None:
    manifest = policies.gateway_route(HOST, **rule)
    with pytest.raises(AssertionError, match=r"denied the request|is invalid") as refusal:
        async with mesh.applied(manifest):
            pass
    assert message in str(refusal.value)


# The seconds that a policy may take to take effect, and to stop.
SOON = pytest.mark.parametrize(
    "seconds",
    [20, pytest.param(1, marks=[pytest.mark.prove, pytest.mark.timing])],
    ids=["eventually", "within a second"],
)


@SOON
async def test_a_fault_takes_effect_and_stops(mesh: Mesh, seconds: float) -> None:
    fault = {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}}
    await until(OK, mesh, within=20)
    async with mesh.applied(policies.gateway_route(HOST, fault=fault)):
        await until("UNAVAILABLE fault filter abort", mesh, within=seconds)
    await until(OK, mesh, within=seconds)


@pytest.mark.prove
@SOON
async def test_a_timeout_takes_effect_and_stops(mesh: Mesh, shop: Shop, seconds: float) -> None:
    delay = policies.callee_fault(
        {"app": "catalog"}, delay={"fixed_delay": "0.5s", "percentage": policies.percent(100)}
    )
    async with with_fault(mesh, "catalog", delay):
        await until(OK, mesh, within=20)
        async with mesh.applied(policies.gateway_route(HOST, timeout="0.2s")):
            await until(TIMED_OUT, mesh, within=seconds)
            assert await outcome_of(shop.get_product()) == OK, "calls to other hosts are not affected"
        await until(OK, mesh, within=seconds)


async def timed_out_reads(mesh: Mesh, shop: Shop, count: int) -> list[Duration]:
    """Read a product from a catalog that takes 20 s. Return the seconds until each read ended at its timeout."""
    delay = policies.callee_fault({"app": "catalog"}, delay={"fixed_delay": "20s", "percentage": policies.percent(100)})
    durations = []
    async with with_fault(mesh, "catalog", delay):
        for _ in range(count):
            stopwatch = Stopwatch()
            assert re.match(TIMED_OUT, await outcome_of(shop.get_product()))
            durations.append(stopwatch.elapsed())
    return durations


async def test_a_read_ends_at_its_timeout(mesh: Mesh, shop: Shop) -> None:
    await timed_out_reads(mesh, shop, 1)


@pytest.mark.prove
@pytest.mark.timing
async def test_a_read_ends_after_the_two_seconds_of_its_contract(mesh: Mesh, shop: Shop) -> None:
    durations = await timed_out_reads(mesh, shop, 3)  # a pause of the machine delays one of them, not the median
    assert min(durations) > 1.9
    assert median(map(float, durations)) < 2.5


@pytest.mark.prove
async def test_a_failing_instance_is_ejected(mesh: Mesh, shop: Shop) -> None:
    abort = policies.callee_fault({"faulty": "yes"}, abort={"grpc_status": 14, "percentage": policies.percent(100)})
    twin = policies.second_deployment(await mesh.get("deployments", "-n", "shop", "catalog"), faulty="yes")
    failed = 0
    outcomes: set[str] = set()
    async with mesh.applied(abort, twin):
        await mesh.wait_for_rollout()
        (pod,) = (pod for pod in await mesh.pods("catalog") if "faulty" in pod["metadata"]["labels"])
        # Envoy collects changes of host health for a second before its workers see them.
        async for attempt in eventually(10):
            with attempt:
                before = await errors_of(mesh, pod["status"]["podIP"])
                outcomes |= {await outcome_of(shop.get_product()) for _ in range(50)}
                failed = await errors_of(mesh, pod["status"]["podIP"])
                assert before == failed
    assert failed >= 5, "the failing instance got calls"
    assert outcomes == {OK}, "calls that failed there were retried at the other instance"


async def errors_of(mesh: Mesh, address: str) -> int:
    """Return the number of failed calls of the gateway to an instance of catalog."""
    clusters = await mesh.envoy("shop-gateway", "clusters")
    (errors,) = re.findall(rf"^.*catalog.*::{address}:50051::rq_error::(\d+)$", clusters, re.MULTILINE)
    return int(errors)


async def test_istioctl_analyze_finds_nothing_wrong(mesh: Mesh) -> None:
    run = await mesh.run("istioctl", "analyze", "-A", "--failure-threshold", "Warning")
    assert run.returncode == 0, run.stdout


async def test_no_proxy_ever_rejected_its_configuration(mesh: Mesh) -> None:
    (istiod,) = mesh.processes("pilot-discovery")
    (address,) = (ip for ip, port in listening_addresses(istiod.net_connections("tcp")) if port == 15014)
    metrics = (await mesh.run("curl", "-sS", f"http://{address}:15014/metrics")).stdout
    assert "pilot_xds_pushes" in metrics
    rejects = [line for line in metrics.splitlines() if line.startswith("pilot_total_xds_rejects")]
    assert all(float(line.rsplit(" ", 1)[1]) == 0 for line in rejects), rejects
