"""circuit-breaker: four calls may be in flight, and calls above the limit are refused at once."""

import asyncio
from statistics import median

import grpc.aio
import pytest

from tests.mesh.calls import outcome_of
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import Duration, Stopwatch, eventually

LIMIT, SLOW_CALLS = 4, 20
DELAY_SECONDS = 1.5
OVERFLOW = "UNAVAILABLE upstream connect error or disconnect/reset before headers. reset reason: overflow"


async def overload(read_product: ReadProduct, *, limited: bool) -> tuple[list[str], list[str], list[Duration]]:
    """Start many slow calls at once, and make other calls while they are in flight.

    Return the outcomes of the slow calls, the outcomes of the others, and the seconds that each of the others took.
    """
    slow = [asyncio.create_task(outcome_of(read_product("slow"))) for _ in range(SLOW_CALLS)]
    # The first refusal shows that slow calls use up the limit. This lasts until the first of them succeeds.
    await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED) if limited else await asyncio.sleep(0)
    outcomes, seconds = [], []
    while not succeeded(slow):
        stopwatch = Stopwatch()
        outcomes.append(await outcome_of(read_product("none")))
        seconds.append(stopwatch.elapsed())
    slow_outcomes = await asyncio.gather(*slow)
    assert len(outcomes) > 1, "the slow calls ended before another call did"
    assert (OVERFLOW in slow_outcomes) == limited, "the change of the limit has not taken effect yet"
    # The last call may have been made after a slow one had ended.
    return slow_outcomes, outcomes[:-1], seconds[:-1]


def succeeded(calls: list[asyncio.Task[str]]) -> bool:
    """Return whether one of the calls has succeeded, or all have ended."""
    outcomes = [call.result() for call in calls if call.done()]
    return "OK" in outcomes or len(outcomes) == len(calls)


async def wait_for_delay(read_product: ReadProduct) -> None:
    async for attempt in eventually(10):
        with attempt:
            stopwatch = Stopwatch()
            assert await outcome_of(read_product("slow")) == "OK"
            assert stopwatch.elapsed() >= DELAY_SECONDS


async def test_calls_above_the_limit_are_refused_and_the_others_succeed(
    scenario: Scenario, read_product: ReadProduct
) -> None:
    async with scenario.run_readme() as readme:
        async for attempt in eventually(200):
            with attempt:
                slow, others, _ = await overload(read_product, limited=True)
                assert slow.count("OK") == LIMIT
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await asyncio.gather(*(read_product("slow") for _ in range(SLOW_CALLS)))
        await readme.run_until("kubectl delete --ignore-not-found")  # it deletes traffic.yaml, the limit
        async for attempt in eventually(200):
            with attempt:
                unlimited, other_outcomes, _ = await overload(read_product, limited=False)
                assert {*unlimited, *other_outcomes} == {"OK"}, "without the limit, the same calls all succeed"
    assert {*slow, *others} == {"OK", OVERFLOW}
    assert others.count("OK") == 0
    assert ("x-envoy-overloaded", "true") in (*refusal.value.initial_metadata(), *refusal.value.trailing_metadata())


@pytest.mark.prove
@pytest.mark.timing
async def test_refusals_are_quick(scenario: Scenario, read_product: ReadProduct) -> None:
    async with scenario.applied():
        await wait_for_delay(read_product)
        async for attempt in eventually(20):
            with attempt:
                slow, others, seconds = await overload(read_product, limited=True)
    assert slow.count("OK") == LIMIT
    assert others.count("OK") == 0
    median_seconds = median(map(float, seconds))
    assert median_seconds < 0.05
    scenario.record_result(
        f"{LIMIT} of {SLOW_CALLS} slow calls succeed; meanwhile others are refused in < 50 ms",
        f"{len(others)} refused, median {median_seconds * 1000:.1f} ms",
    )
