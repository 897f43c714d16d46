"""bulkhead: calls that wait for a slow callee do not block calls that do not need it."""

import asyncio
from collections import Counter

import pytest

from tests.mesh.calls import Call, Shop, outcome_of
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import Stopwatch, eventually

BUYERS, ORDERS_LIMIT, SHIPPING_LIMIT = 24, 16, 4
DELAY_SECONDS = 1.5
OVERFLOW = "UNAVAILABLE upstream connect error or disconnect/reset before headers. reset reason: overflow"


async def overload(shop: Shop, waiting: int) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Place many orders at once. When only `waiting` are still open, read as long as shipping delays them.

    Return the outcomes of the orders, and those of the reads by service.
    """
    reads: dict[str, Call] = {"orders": shop.list_orders, "catalog": shop.get_product, "inventory": shop.get_stock}
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in reads}
    stopwatch = Stopwatch()
    buyers = [asyncio.create_task(outcome_of(shop.place_order())) for _ in range(BUYERS)]
    try:
        async for attempt in eventually(DELAY_SECONDS):
            with attempt:
                assert sum(not buyer.done() for buyer in buyers) == waiting
        while stopwatch.elapsed() < DELAY_SECONDS * 0.9:
            for name, read in reads.items():
                outcomes[name][await outcome_of(read())] += 1
    finally:  # also when the condition did not hold: open orders would count against the limits of the next call
        orders = Counter(await asyncio.gather(*buyers))
    return orders, outcomes


async def wait_for_delay(shop: Shop) -> None:
    async for attempt in eventually(15):
        with attempt:
            stopwatch = Stopwatch()
            assert await outcome_of(shop.place_order()) == "OK"
            assert stopwatch.elapsed() >= DELAY_SECONDS


@pytest.mark.timing
async def test_a_slow_callee_does_not_block_reads_that_do_not_need_it(scenario: Scenario, shop: Shop) -> None:
    async with scenario.run_readme() as readme:
        await wait_for_delay(shop)
        async for attempt in eventually(30):
            with attempt:
                orders, reads = await overload(shop, waiting=SHIPPING_LIMIT)
                assert all(reads.values()), "each service was read before the delay ended"
        await readme.run_until("kubectl delete --ignore-not-found")  # it deletes bulkhead.yaml
        async for attempt in eventually(30):
            with attempt:
                blocked = (await overload(shop, waiting=ORDERS_LIMIT))[1]
                assert set(blocked["orders"]) == {OVERFLOW}, "without the bulkhead, waiting orders use up the limit"
    assert orders["OK"] == SHIPPING_LIMIT, orders
    assert {name: set(outcomes) for name, outcomes in reads.items()} == {name: {"OK"} for name in reads}
    assert set(blocked["catalog"]) == set(blocked["inventory"]) == {"OK"}, "each callee has a separate pool"
    scenario.record_result(
        "while shipping is slow, reads of orders succeed; without the bulkhead none does",
        f"{reads['orders'].total()} of {reads['orders'].total()} reads succeed; without {blocked['orders']['OK']} "
        f"of {blocked['orders'].total()}",
    )
