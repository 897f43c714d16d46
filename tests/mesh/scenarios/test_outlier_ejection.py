"""outlier-ejection: the one Pod of three that refuses its calls gets none any more, until its time is over."""

import asyncio
import json
import time

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import dial, eventually
from tests.mesh.scenarios.scenario import Scenario

HOST = "ejection.example"
CALLS, AT_ONCE = 200, 10
IN_A_ROW = 50
EJECTION_SECONDS = 5
NAMED = "/spec/configPatches/0/match/proxy/metadata/NAME"


async def refused(shop: Shop) -> int:
    """Make many calls; answer how many were refused."""
    outcomes: list[str] = []
    for _ in range(CALLS // AT_ONCE):
        outcomes += await asyncio.gather(*(outcome_of(shop.get_product()) for _ in range(AT_ONCE)))
    return CALLS - outcomes.count("OK")


async def first_refusal(shop: Shop, within: float) -> float:
    """Make calls until one is refused; answer when that was."""
    async for attempt in eventually(within):
        with attempt:
            assert await outcome_of(shop.get_product()) != "OK"
    return time.monotonic()


async def test_a_pod_that_refuses_its_calls_gets_none_while_it_is_ejected(scenario: Scenario) -> None:
    mesh = scenario.mesh
    async with scenario.run_readme(until="sick=") as readme, dial(mesh.gateway, authority=HOST) as channel:
        shop = Shop(channel)
        async for attempt in eventually(100):
            with attempt:
                assert await refused(shop) == 0, "all three are well"
        await readme.run_until("while ejected")
        # With three Pods in turn, so many calls end well together only if the one that refuses them is left out.
        async for attempt in eventually(200):
            with attempt:
                assert {await outcome_of(shop.get_product()) for _ in range(IN_A_ROW)} == {"OK"}
        # Then the README waits until it gets calls again, and refuses them again.


@pytest.mark.prove
@pytest.mark.timing
async def test_it_is_left_alone_within_seconds_and_for_seconds(scenario: Scenario) -> None:
    mesh = scenario.mesh
    async with scenario.applied(), mesh.scaled("deployment/catalog", 3), dial(mesh.gateway, authority=HOST) as channel:
        shop = Shop(channel)
        async for attempt in eventually(10):
            with attempt:
                assert await refused(shop) == 0, "all three are well"
        sick = (await mesh.pods("catalog"))[0]["metadata"]["name"]
        patch = json.dumps([{"op": "replace", "path": NAMED, "value": sick}])
        await mesh.kubectl("patch", "envoyfilter", "-n", "shop", "sick-replica", "--type=json", "-p", patch)
        began = await first_refusal(shop, within=15)
        async for attempt in eventually(10):
            with attempt:
                count = await refused(shop)
                assert count < CALLS / 100
        left = time.monotonic() - began
        returned = await first_refusal(shop, within=30) - began
    assert left <= 10
    assert returned >= EJECTION_SECONDS
    scenario.record_result(
        f"one of three refuses its calls: gone within 10 s, then < 1 % fail; back after {EJECTION_SECONDS} s",
        f"{count} of {CALLS} fail {left:.1f} s after the first, with these {CALLS} calls; back after {returned:.1f} s",
    )
