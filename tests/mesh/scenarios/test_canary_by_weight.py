"""canary-by-weight: one in ten calls goes to v2, and the promises of the contract hold for them."""

import asyncio
import re

import grpc.aio
import pytest

from tests.mesh import policies
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product
from tests.support.clock import Stopwatch, eventually

CALLS, CALLERS = 2000, 4
FEW_CALLS = 300
TIMEOUT, TIMED_OUT = 2, "UNAVAILABLE upstream request timeout|DEADLINE_EXCEEDED"
# The proxy of v2 injects these faults into marked calls.
FAULTS = (
    policies.callee_fault(
        {"version": "v2"},
        name="flaky",
        abort={"grpc_status": 14, "percentage": policies.percent(30)},
        **policies.only_marked_calls("flaky"),
    ),
    policies.callee_fault(
        {"version": "v2"},
        name="slow",
        delay={"fixed_delay": "20s", "percentage": policies.percent(100)},
        **policies.only_marked_calls("slow"),
    ),
)


async def read(channel: grpc.aio.Channel, calls: int, **headers: str) -> list[str]:
    """Read a product several times, one call after another, and return the outcomes."""
    return [await get_product(channel, **headers) for _ in range(calls)]


@pytest.mark.prove
async def test_both_versions_get_calls_and_v1_gets_more(scenario: Scenario, mesh: Mesh) -> None:
    async with scenario.run_readme(), dial(mesh.gateway) as channel:
        before = await calls_by_subset(mesh)
        async for attempt in eventually(100):
            with attempt:
                await read(channel, 20)
                assert (await calls_by_subset(mesh) - before)["v2"], "the route is in force"
        before = await calls_by_subset(mesh)
        outcomes = await read(channel, FEW_CALLS)
        shares = await calls_by_subset(mesh) - before
    assert set(outcomes) == {"OK"}
    assert shares.total() == FEW_CALLS
    # The probability that none of 300 calls goes to v2 is 1 in 5 * 10^13.
    assert shares["v1"] > shares["v2"] > 0


@pytest.mark.prove
@pytest.mark.timing
async def test_one_in_ten_calls_goes_to_the_canary_with_the_timeouts_and_retries_of_the_contract(
    scenario: Scenario, mesh: Mesh
) -> None:
    async with mesh.applied(*FAULTS), scenario.applied(), dial(mesh.gateway) as channel:
        await mesh.wait_for_rollout()
        async for attempt in eventually(10):
            with attempt:
                assert set(await read(channel, 20)) == {"OK"}
                assert (await calls_by_subset(mesh))["v2"]

        before = await calls_by_subset(mesh)
        by_caller = await asyncio.gather(*(read(channel, CALLS // CALLERS) for _ in range(CALLERS)))
        shares = await calls_by_subset(mesh) - before

        before = await calls_by_subset(mesh)
        flaky = await read(channel, 500, x_fault="flaky")
        attempts = (await calls_by_subset(mesh) - before).total()

        stopwatch = Stopwatch()
        slow = await asyncio.gather(*(read(channel, 1, x_fault="slow") for _ in range(90)))
        waited = stopwatch.elapsed()
    assert {outcome for outcomes in by_caller for outcome in outcomes} == {"OK"}
    assert shares.total() == CALLS
    # The share of 2,000 random choices is outside of 7 to 13 % once in 100,000 runs.
    assert 0.07 <= shares["v2"] / CALLS <= 0.13
    # 15 of 500 fail at their first attempt, and 1 or 2 at the third.
    assert attempts > len(flaky)
    assert flaky.count("OK") >= 492
    late = [outcome for [outcome] in slow if outcome != "OK"]
    assert late
    assert all(re.match(TIMED_OUT, outcome) for outcome in late)
    assert TIMEOUT <= waited < 2 * TIMEOUT, "the contract's 2 s, not the 20 s of the fault"
    scenario.record_result(
        "10 % ± 3 go to v2, and none fails; retries and timeouts are those of the contract",
        f"{shares['v2'] / CALLS:.1%} of {CALLS}; of 500 flaky calls {flaky.count('OK')} succeed; "
        f"{len(late)} of 200 late after {waited:.1f} s",
    )
