"""fault-abort: half of the calls that ask for it fail, and nobody else's."""

import pytest

from tests.mesh.calls import Shop, ending_of
from tests.mesh.harness import eventually
from tests.mesh.scenarios.calls import Product
from tests.mesh.scenarios.scenario import Scenario

ABORTED = "UNAVAILABLE fault filter abort"


async def wait_for_fault(product: Product, within: float) -> None:
    async for attempt in eventually(within):
        with attempt:
            assert await ending_of(product("abort")) == ABORTED


async def wait_for_no_fault(product: Product, within: float) -> None:
    async for attempt in eventually(within):
        with attempt:
            assert {await ending_of(product("abort")) for _ in range(10)} == {"OK"}


async def test_calls_that_ask_for_it_fail_and_no_others(scenario: Scenario, shop: Shop, product: Product) -> None:
    assert await ending_of(product("abort")) == "OK", "without the scenario the header has no effect"
    async with scenario.played():
        await wait_for_fault(product, within=50)
        endings = {await ending_of(product("abort")) for _ in range(50)}
        others = {await ending_of(shop.get_product()) for _ in range(50)}
    assert endings == {"OK", ABORTED}
    assert others == {"OK"}
    await wait_for_no_fault(product, within=50)


@pytest.mark.prove
@pytest.mark.timing
async def test_half_of_the_calls_that_ask_for_it_fail(scenario: Scenario, product: Product) -> None:
    async with scenario.applied():
        await wait_for_fault(product, within=5)
        endings = [await ending_of(product("abort")) for _ in range(200)]
    await wait_for_no_fault(product, within=5)
    # Of 200 coins fewer than 65 or more than 135 are heads once in a million times.
    assert 65 <= endings.count(ABORTED) <= 135
    scenario.reached("half of the marked calls are aborted", f"{endings.count(ABORTED)} of 200")
