"""circuit-breaker: four calls are in flight, and what comes on top is refused at once."""

import asyncio
import time
from statistics import median

import grpc.aio
import pytest

from tests.mesh.calls import ending_of
from tests.mesh.harness import eventually
from tests.mesh.scenarios.calls import Product
from tests.mesh.scenarios.scenario import Scenario

PLACES, SLOW = 4, 20
DELAY = 1.5
OVERFLOW = "UNAVAILABLE upstream connect error or disconnect/reset before headers. reset reason: overflow"


async def crowded(product: Product, *, full: bool) -> tuple[list[str], list[str], list[float]]:
    """Make many slow calls, and others before these can have ended; answer how both ended, and the others' time."""
    began = time.monotonic()
    slow = [asyncio.create_task(ending_of(product("slow"))) for _ in range(SLOW)]
    # The first that is refused says that all places are held, and by slow calls.
    refused, _ = await asyncio.wait(slow, timeout=DELAY / 4, return_when=asyncio.FIRST_COMPLETED)
    endings, seconds = [], []
    while (start := time.monotonic()) - began < DELAY / 2:
        endings.append(await ending_of(product("none")))
        seconds.append(time.monotonic() - start)
    ended = await asyncio.gather(*slow)
    assert bool(refused) == full, "the calls were slow to come, or the limit to go"
    return ended, endings, seconds


async def is_slow(product: Product) -> None:
    async for attempt in eventually(10):
        with attempt:
            began = time.monotonic()
            assert await ending_of(product("slow")) == "OK"
            assert time.monotonic() - began >= DELAY


async def test_what_is_too_much_is_refused_at_once(scenario: Scenario, product: Product) -> None:
    async with scenario.applied():
        await is_slow(product)
        async for attempt in eventually(20):
            with attempt:
                slow, others, seconds = await crowded(product, full=True)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await asyncio.gather(*(product("slow") for _ in range(SLOW)))
        await scenario.without("traffic.yaml")
        async for attempt in eventually(20):
            with attempt:
                unlimited, served, _ = await crowded(product, full=False)
                assert {*unlimited, *served} == {"OK"}, "without the limit the same calls are all served"
    assert slow.count("OK") == PLACES
    assert {*slow, *others} == {"OK", OVERFLOW}
    assert others.count("OK") == 0
    assert median(seconds) < 0.05
    assert ("x-envoy-overloaded", "true") in (*refusal.value.initial_metadata(), *refusal.value.trailing_metadata())
    scenario.reached(
        f"{PLACES} of {SLOW} slow calls end well; meanwhile others are refused in < 50 ms",
        f"{len(others)} refused, median {median(seconds) * 1000:.1f} ms",
    )
