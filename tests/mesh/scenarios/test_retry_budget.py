"""retry-budget: when a callee fails altogether, retries add little to what it has to bear."""

import asyncio

import pytest

from tests.mesh.calls import outcome_of
from tests.mesh.harness import Mesh, eventually
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_pod

CALLERS, CALLS = 40, 6
GONE, UNLIMITED = "gone", "gone-unlimited"
SUBSETS = {GONE: "", UNLIMITED: "unlimited"}


async def sent(mesh: Mesh, mark: str) -> int:
    """Count the attempts that the gateway has made at catalog by the way that calls with a mark go."""
    return (await calls_by_pod(mesh, SUBSETS[mark])).total()


async def load(mesh: Mesh, read_product: ReadProduct, mark: str) -> float:
    """Have many callers make calls that all fail; answer how many attempts were made for each call."""

    async def calls() -> list[str]:
        return [await outcome_of(read_product(mark)) for _ in range(CALLS)]

    before = await sent(mesh, mark)
    outcomes = await asyncio.gather(*(calls() for _ in range(CALLERS)))
    assert not [outcome for each in outcomes for outcome in each if not outcome.startswith("UNAVAILABLE")]
    return (await sent(mesh, mark) - before) / (CALLERS * CALLS)


@pytest.mark.timing
async def test_retries_do_not_multiply_the_load(scenario: Scenario, mesh: Mesh, read_product: ReadProduct) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(10):
            with attempt:
                for mark in SUBSETS:
                    assert await outcome_of(read_product(mark)) != "OK"
        async for attempt in eventually(10):
            with attempt:
                assert await sent(mesh, UNLIMITED), "calls that ask for it go by the other way"
        budgeted = await load(mesh, read_product, GONE)
        unlimited = await load(mesh, read_product, UNLIMITED)
    # A fifth of the calls in flight may be retries; when they get fewer at the end, three may in any case.
    assert budgeted <= 1.5
    assert unlimited >= 2.9
    scenario.record_result(
        "all attempts fail: at most 1.5 for each call, 3 without the budget",
        f"{budgeted:.2f} attempts for each of {CALLERS * CALLS} calls; {unlimited:.2f} without",
    )
