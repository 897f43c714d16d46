"""blue-green: all calls switch to v2 at once, and back, and none fails."""

from tests.mesh.calls import Shop, steady_shop
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import FOLDER, Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product
from tests.support.checkout import ROOT
from tests.support.clock import Stopwatch, eventually

CALLS = 20


async def test_all_calls_switch_to_v2_and_back(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    blue, green = (str(ROOT / FOLDER / name) for name in ("dark-launch", scenario.name))
    seconds = []
    # The README has already switched to v2 and back, without load.
    async with scenario.run_readme(), dial(mesh.gateway) as channel, steady_shop(shop) as calls:
        for folder, version in ((green, "v2"), (blue, "v1")):
            stopwatch = Stopwatch()
            await mesh.kubectl("apply", "-k", folder)
            async for attempt in eventually(40):
                with attempt:
                    before = await calls_by_subset(mesh)
                    assert {await get_product(channel) for _ in range(CALLS)} == {"OK"}
                    assert (await calls_by_subset(mesh) - before).keys() == {version}
            seconds.append(stopwatch.elapsed())
    assert calls.failed == []
    scenario.record_result(
        "all calls switch to v2 and back, and none fails",
        f"{seconds[0]:.1f} s and {seconds[1]:.1f} s, with {CALLS} calls to verify; 0 of {calls.made.total()} failed",
    )
