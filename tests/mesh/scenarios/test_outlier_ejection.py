"""outlier-ejection: one of three Pods fails its calls, and gets none until its ejection is over."""

import asyncio

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.sick_replica import HOST, make_one_pod_fail
from tests.support.clock import Stopwatch, eventually

CALLS, CONCURRENCY = 200, 10
CALLS_IN_A_ROW = 50
EJECTION_SECONDS = 5


async def count_failures(shop: Shop) -> int:
    """Send many calls. Return the number of those that failed."""
    outcomes: list[str] = []
    for _ in range(CALLS // CONCURRENCY):
        outcomes += await asyncio.gather(*(outcome_of(shop.get_product()) for _ in range(CONCURRENCY)))
    return CALLS - outcomes.count("OK")


async def wait_for_failure(shop: Shop, within: float) -> None:
    """Send calls until one fails."""
    async for attempt in eventually(within):
        with attempt:
            assert await outcome_of(shop.get_product()) != "OK"


@pytest.mark.prove
async def test_an_ejected_pod_gets_no_calls(scenario: Scenario) -> None:
    mesh = scenario.mesh
    async with scenario.run_readme(until="sick=") as readme, dial(mesh.gateway, authority=HOST) as channel:
        shop = Shop(channel)
        async for attempt in eventually(100):
            with attempt:
                assert await count_failures(shop) == 0, "all three Pods are healthy"
        await readme.run_until("while ejected")
        # Three Pods are used in turn, so this many calls in a row succeed only without the failing Pod.
        async for attempt in eventually(200):
            with attempt:
                assert {await outcome_of(shop.get_product()) for _ in range(CALLS_IN_A_ROW)} == {"OK"}
        # The rest of the README waits until the Pod gets calls again and fails them.


@pytest.mark.prove
@pytest.mark.timing
async def test_a_pod_is_ejected_within_ten_seconds_for_at_least_five(scenario: Scenario) -> None:
    mesh = scenario.mesh
    async with scenario.applied(), mesh.scaled("deployment/catalog", 3), dial(mesh.gateway, authority=HOST) as channel:
        shop = Shop(channel)
        async for attempt in eventually(10):
            with attempt:
                assert await count_failures(shop) == 0, "all three Pods are healthy"
        await make_one_pod_fail(mesh)
        await wait_for_failure(shop, within=15)
        stopwatch = Stopwatch()
        async for attempt in eventually(10):
            with attempt:
                count = await count_failures(shop)
                assert count < CALLS / 100
        ejected_after = stopwatch.elapsed()
        await wait_for_failure(shop, within=30)
        returned_after = stopwatch.elapsed()
    assert ejected_after <= 10
    assert returned_after >= EJECTION_SECONDS
    scenario.record_result(
        f"one of three Pods fails: ejected within 10 s, then < 1 % fail; back after {EJECTION_SECONDS} s",
        f"{count} of {CALLS} fail {ejected_after:.1f} s after the first; back after {returned_after:.1f} s",
    )
