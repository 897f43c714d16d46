"""fault-delay: the calls that ask for it take half a second more, and end at their own deadline; nobody else's do."""

import time

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import eventually
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario

DELAY = 0.5


async def seconds(read_product: ReadProduct, mark: str, *, outcome: str = "OK", within: float = 10) -> float:
    began = time.monotonic()
    assert (await outcome_of(read_product(mark, timeout=within))).startswith(outcome)
    return time.monotonic() - began


@pytest.mark.timing
async def test_the_calls_that_ask_for_it_take_half_a_second_more(
    scenario: Scenario, shop: Shop, read_product: ReadProduct
) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(5):
            with attempt:
                assert await seconds(read_product, "delay") >= DELAY
        marked = sorted([await seconds(read_product, "delay") for _ in range(10)])
        others = sorted([await seconds(read_product, "none") for _ in range(10)])
        gave_up = sorted(
            [await seconds(read_product, "delay", outcome="DEADLINE_EXCEEDED", within=0.2) for _ in range(10)]
        )
        assert await outcome_of(shop.get_product()) == "OK"
    assert marked[0] >= DELAY
    assert others[4] < DELAY
    assert gave_up[4] < DELAY
    async for attempt in eventually(5):
        with attempt:
            assert await seconds(read_product, "delay") < DELAY
    scenario.record_result(
        "marked calls wait 0.5 s, or until their own deadline of 0.2 s",
        f"median {marked[5]:.2f} s, others {others[5] * 1000:.0f} ms; gave up after {gave_up[5]:.2f} s",
    )
