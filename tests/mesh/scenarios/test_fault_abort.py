"""fault-abort: half of the marked calls fail, and no others."""

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import eventually

ABORTED = "UNAVAILABLE fault filter abort"


async def wait_for_fault(read_product: ReadProduct, within: float) -> None:
    async for attempt in eventually(within):
        with attempt:
            assert await outcome_of(read_product("abort")) == ABORTED


async def wait_for_no_fault(read_product: ReadProduct, within: float) -> None:
    async for attempt in eventually(within):
        with attempt:
            assert {await outcome_of(read_product("abort")) for _ in range(10)} == {"OK"}


async def test_only_marked_calls_fail(scenario: Scenario, shop: Shop, read_product: ReadProduct) -> None:
    assert await outcome_of(read_product("abort")) == "OK", "without the scenario the header has no effect"
    async with scenario.run_readme():
        await wait_for_fault(read_product, within=50)
        outcomes = {await outcome_of(read_product("abort")) for _ in range(50)}
        others = {await outcome_of(shop.get_product()) for _ in range(50)}
    assert outcomes == {"OK", ABORTED}
    assert others == {"OK"}
    await wait_for_no_fault(read_product, within=50)


@pytest.mark.prove
@pytest.mark.timing
async def test_half_of_the_marked_calls_fail(scenario: Scenario, read_product: ReadProduct) -> None:
    async with scenario.applied():
        await wait_for_fault(read_product, within=5)
        outcomes = [await outcome_of(read_product("abort")) for _ in range(200)]
    await wait_for_no_fault(read_product, within=5)
    # Of 200 coins, fewer than 65 or more than 135 are heads once in a million runs.
    assert 65 <= outcomes.count(ABORTED) <= 135
    scenario.record_result("half of the marked calls are aborted", f"{outcomes.count(ABORTED)} of 200")
