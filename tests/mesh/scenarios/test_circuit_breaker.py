"""circuit-breaker: four calls are in flight, and what comes on top is refused at once."""

import asyncio
import time
from statistics import median

import grpc.aio
import pytest

from tests.mesh.calls import outcome_of
from tests.mesh.harness import eventually
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario

PLACES, SLOW = 4, 20
DELAY = 1.5
OVERFLOW = "UNAVAILABLE upstream connect error or disconnect/reset before headers. reset reason: overflow"


async def crowded(read_product: ReadProduct, *, full: bool) -> tuple[list[str], list[str], list[float]]:
    """Make many slow calls, and others while all places are held.

    Return how the slow ones ended, how the others ended, and the seconds that each of the others took.
    """
    slow = [asyncio.create_task(outcome_of(read_product("slow"))) for _ in range(SLOW)]
    # The first that is refused tells that slow calls hold all places, until the first of them ends well.
    await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED) if full else await asyncio.sleep(0)
    outcomes, seconds = [], []
    while not served(slow):
        start = time.monotonic()
        outcomes.append(await outcome_of(read_product("none")))
        seconds.append(time.monotonic() - start)
    ended = await asyncio.gather(*slow)
    assert len(outcomes) > 1, "the slow calls ended before another call did"
    assert (OVERFLOW in ended) == full, "the limit is not there yet, or still there"
    # The last one may have come when a place was free again.
    return ended, outcomes[:-1], seconds[:-1]


def served(calls: list[asyncio.Task[str]]) -> bool:
    """Return whether one of the calls has ended well already, or all have ended."""
    ended = [call.result() for call in calls if call.done()]
    return "OK" in ended or len(ended) == len(calls)


async def is_slow(read_product: ReadProduct) -> None:
    async for attempt in eventually(10):
        with attempt:
            began = time.monotonic()
            assert await outcome_of(read_product("slow")) == "OK"
            assert time.monotonic() - began >= DELAY


async def test_what_is_too_much_is_refused_and_the_rest_ends_well(
    scenario: Scenario, read_product: ReadProduct
) -> None:
    async with scenario.run_readme() as readme:
        async for attempt in eventually(200):
            with attempt:
                slow, others, _ = await crowded(read_product, full=True)
                assert slow.count("OK") == PLACES
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await asyncio.gather(*(read_product("slow") for _ in range(SLOW)))
        await readme.run_until("kubectl delete --ignore-not-found")  # it deletes traffic.yaml, the limit
        async for attempt in eventually(200):
            with attempt:
                unlimited, meanwhile, _ = await crowded(read_product, full=False)
                assert {*unlimited, *meanwhile} == {"OK"}, "without the limit the same calls are all served"
    assert {*slow, *others} == {"OK", OVERFLOW}
    assert others.count("OK") == 0
    assert ("x-envoy-overloaded", "true") in (*refusal.value.initial_metadata(), *refusal.value.trailing_metadata())


@pytest.mark.prove
@pytest.mark.timing
async def test_refusals_are_quick(scenario: Scenario, read_product: ReadProduct) -> None:
    async with scenario.applied():
        await is_slow(read_product)
        async for attempt in eventually(20):
            with attempt:
                slow, others, seconds = await crowded(read_product, full=True)
    assert slow.count("OK") == PLACES
    assert others.count("OK") == 0
    assert median(seconds) < 0.05
    scenario.record_result(
        f"{PLACES} of {SLOW} slow calls end well; meanwhile others are refused in < 50 ms",
        f"{len(others)} refused, median {median(seconds) * 1000:.1f} ms",
    )
