"""bulkhead: whoever waits for a slow callee fills that callee's places, and no others'."""

import asyncio
import time
from collections import Counter

import pytest

from tests.mesh.calls import Call, Shop, outcome_of
from tests.mesh.harness import eventually
from tests.mesh.scenarios.scenario import Scenario

BUYERS, ORDERS_PLACES, SHIPPING_PLACES = 24, 16, 4
SLOW = 1.5
OVERFLOW = "UNAVAILABLE upstream connect error or disconnect/reset before headers. reset reason: overflow"


async def crowded(shop: Shop, waiting: int) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Have many buy at once; when so many of them are left, and wait for shipping, read. Answer how all of it ended."""
    reads: dict[str, Call] = {"orders": shop.list_orders, "catalog": shop.get_product, "inventory": shop.get_stock}
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in reads}
    began = time.monotonic()
    buyers = [asyncio.create_task(outcome_of(shop.place_order())) for _ in range(BUYERS)]
    try:
        async for attempt in eventually(SLOW):
            with attempt:
                assert sum(not buyer.done() for buyer in buyers) == waiting
        while time.monotonic() - began < SLOW * 0.9:
            for name, read in reads.items():
                outcomes[name][await outcome_of(read())] += 1
    finally:  # also when too few came in time: who is left here would hold a place of the next crowd
        bought = Counter(await asyncio.gather(*buyers))
    return bought, outcomes


async def slow(shop: Shop) -> None:
    async for attempt in eventually(15):
        with attempt:
            began = time.monotonic()
            assert await outcome_of(shop.place_order()) == "OK"
            assert time.monotonic() - began >= SLOW


@pytest.mark.timing
async def test_a_slow_callee_starves_nobody_else(scenario: Scenario, shop: Shop) -> None:
    async with scenario.run_readme() as readme:
        await slow(shop)
        async for attempt in eventually(30):
            with attempt:
                bought, read = await crowded(shop, waiting=SHIPPING_PLACES)
                assert all(read.values()), "time was left to read in"
        await readme.run_until("kubectl delete --ignore-not-found")  # it deletes bulkhead.yaml
        async for attempt in eventually(30):
            with attempt:
                starved = (await crowded(shop, waiting=ORDERS_PLACES))[1]
                assert set(starved["orders"]) == {OVERFLOW}, "without it they hold every place of orders"
    assert bought["OK"] == SHIPPING_PLACES, bought
    assert {name: set(outcomes) for name, outcomes in read.items()} == {name: {"OK"} for name in read}
    assert set(starved["catalog"]) == set(starved["inventory"]) == {"OK"}, "pools are per callee in any case"
    scenario.record_result(
        "while shipping is slow, reads of orders go on; without the bulkhead none does",
        f"{read['orders'].total()} of {read['orders'].total()} reads served; without {starved['orders']['OK']} "
        f"of {starved['orders'].total()}",
    )
