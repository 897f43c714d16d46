"""fault-delay: marked calls take 0.8 s longer, or end at their deadline; other calls are not affected."""

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import Duration, Stopwatch, eventually

DELAY_SECONDS = 0.8


async def seconds(read_product: ReadProduct, mark: str, *, outcome: str = "OK", within: float = 10) -> Duration:
    stopwatch = Stopwatch()
    assert (await outcome_of(read_product(mark, timeout=within))).startswith(outcome)
    return stopwatch.elapsed()


@pytest.mark.timing
async def test_marked_calls_take_longer(scenario: Scenario, shop: Shop, read_product: ReadProduct) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(5):
            with attempt:
                assert await seconds(read_product, "delay") >= DELAY_SECONDS
        marked = sorted([await seconds(read_product, "delay") for _ in range(10)])
        others = sorted([await seconds(read_product, "none") for _ in range(10)])
        gave_up = sorted(
            [await seconds(read_product, "delay", outcome="DEADLINE_EXCEEDED", within=0.2) for _ in range(10)]
        )
        assert await outcome_of(shop.get_product()) == "OK"
    assert marked[0] >= DELAY_SECONDS
    assert others[4] < DELAY_SECONDS
    assert gave_up[4] < DELAY_SECONDS
    async for attempt in eventually(5):
        with attempt:
            assert await seconds(read_product, "delay") < DELAY_SECONDS
    scenario.record_result(
        "marked calls wait 0.8 s, or until their own deadline of 0.2 s",
        f"median {marked[5]:.2f} s, others {float(others[5]) * 1000:.0f} ms; gave up after {gave_up[5]:.2f} s",
    )
