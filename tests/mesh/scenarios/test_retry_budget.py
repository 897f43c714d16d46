"""retry-budget: when a callee fails every call, retries add little load."""

import asyncio

import pytest

from tests.mesh.calls import outcome_of
from tests.mesh.harness import Mesh
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_pod
from tests.support.clock import eventually

CALLERS, CALLS = 40, 6
GONE, UNLIMITED = "gone", "gone-unlimited"
SUBSETS = {GONE: "", UNLIMITED: "unlimited"}


async def count_attempts(mesh: Mesh, mark: str) -> int:
    """Count the attempts of the gateway so far, in the subset that calls with a mark use."""
    return (await calls_by_pod(mesh, SUBSETS[mark])).total()


async def attempts_per_call(mesh: Mesh, read_product: ReadProduct, mark: str) -> float:
    """Send many concurrent calls, which all fail. Return the average number of attempts per call."""

    async def calls() -> list[str]:
        return [await outcome_of(read_product(mark)) for _ in range(CALLS)]

    before = await count_attempts(mesh, mark)
    outcomes = await asyncio.gather(*(calls() for _ in range(CALLERS)))
    assert not [outcome for each in outcomes for outcome in each if not outcome.startswith("UNAVAILABLE")]
    return (await count_attempts(mesh, mark) - before) / (CALLERS * CALLS)


@pytest.mark.timing
async def test_retries_do_not_multiply_the_load(scenario: Scenario, mesh: Mesh, read_product: ReadProduct) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(10):
            with attempt:
                for mark in SUBSETS:
                    assert await outcome_of(read_product(mark)) != "OK"
        async for attempt in eventually(10):
            with attempt:
                assert await count_attempts(mesh, UNLIMITED), "calls with the other mark use the other subset"
        budgeted = await attempts_per_call(mesh, read_product, GONE)
        unlimited = await attempts_per_call(mesh, read_product, UNLIMITED)
    # One fifth of the calls in flight may be retries, and at least three, which matters when few calls are left.
    assert budgeted <= 1.5
    assert unlimited >= 2.9
    scenario.record_result(
        "all attempts fail: at most 1.5 for each call, 3 without the budget",
        f"{budgeted:.2f} attempts per call for {CALLERS * CALLS} calls; {unlimited:.2f} without",
    )
