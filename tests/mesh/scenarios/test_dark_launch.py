"""dark-launch: a second version runs beside the first and gets no calls, and no call fails."""

from tests.mesh.calls import Shop, steady_shop
from tests.mesh.harness import Mesh
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset
from tests.support.clock import eventually

CALLERS = "shop-gateway", "orders"


async def test_the_second_version_runs_and_gets_no_calls(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    async with scenario.run_readme(until="kubectl apply -k") as readme:
        async for attempt in eventually(10):
            with attempt:
                assert [[*await calls_by_subset(mesh, caller)] for caller in CALLERS] == [["v1"], ["v1"]], (
                    "v2 has no Pods yet"
                )
        async with steady_shop(shop) as calls:
            await readme.run_until("kubectl delete")
            for _ in range(100):
                await shop.get_product()
            counts = [await calls_by_subset(mesh, caller) for caller in CALLERS]
    assert [each["v2"] for each in counts] == [0, 0]
    assert all(each["v1"] for each in counts)
    assert calls.failed == []
    scenario.record_result("v2 runs and gets no call; none fails", f"0 of {calls.made.total() + 100} calls; 0 failed")
