"""canary-by-weight: one call in ten goes to v2; what the contract promises of a call holds there, too."""

import asyncio
import re
import time

import grpc.aio
import pytest

from tests.mesh import policies
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product

CALLS, CALLERS = 2000, 4
FEW_CALLS = 300
TIMEOUT, TIMED_OUT = 2, "UNAVAILABLE upstream request timeout|DEADLINE_EXCEEDED"
# v2's own proxy fails those calls that ask for it.
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
    """Make calls one after another, and return how each ended."""
    return [await get_product(channel, **headers) for _ in range(calls)]


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
    # 300 calls in a row go past v2 once in 5 * 10^13 times.
    assert shares["v1"] > shares["v2"] > 0


@pytest.mark.prove
@pytest.mark.timing
async def test_one_call_in_ten_goes_to_the_canary_under_its_contract(scenario: Scenario, mesh: Mesh) -> None:
    async with mesh.applied(*FAULTS), scenario.applied(), dial(mesh.gateway) as channel:
        await mesh.wait_for_rollout()
        async for attempt in eventually(10):
            with attempt:
                assert set(await read(channel, 20)) == {"OK"}
                assert (await calls_by_subset(mesh))["v2"]

        before = await calls_by_subset(mesh)
        every = await asyncio.gather(*(read(channel, CALLS // CALLERS) for _ in range(CALLERS)))
        shares = await calls_by_subset(mesh) - before

        before = await calls_by_subset(mesh)
        flaky = await read(channel, 500, x_fault="flaky")
        attempts = (await calls_by_subset(mesh) - before).total()

        began = time.monotonic()
        slowed = await asyncio.gather(*(read(channel, 1, x_fault="slow") for _ in range(200)))
        waited = time.monotonic() - began
    assert {how for some in every for how in some} == {"OK"}
    assert shares.total() == CALLS
    # Of 2,000 dice fewer than 7 % or more than 13 % fall so once in a hundred thousand times.
    assert 0.07 <= shares["v2"] / CALLS <= 0.13
    # 15 of 500 fail at their first attempt, and 1 or 2 at the third.
    assert attempts > len(flaky)
    assert flaky.count("OK") >= 492
    late = [how for [how] in slowed if how != "OK"]
    assert late
    assert all(re.match(TIMED_OUT, how) for how in late)
    assert TIMEOUT <= waited < 2 * TIMEOUT, "the contract's 2 s, not the 20 s of the fault"
    scenario.record_result(
        "10 % ± 3 go to v2, and none fails; its retries and timeouts are the contract's",
        f"{shares['v2'] / CALLS:.1%} of {CALLS}; of 500 flaky calls {flaky.count('OK')} succeed; "
        f"{len(late)} of 200 late after {waited:.1f} s",
    )
