"""canary-by-header: only calls with the header go to v2."""

from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product

CALLS = 100


async def test_only_calls_with_the_header_go_to_the_canary(scenario: Scenario, mesh: Mesh) -> None:
    async with scenario.run_readme(), dial(mesh.gateway) as channel:
        before = await calls_by_subset(mesh)
        marked = {await get_product(channel, x_version="v2") for _ in range(CALLS)}
        between = await calls_by_subset(mesh)
        others = {
            await get_product(channel, **headers) for headers in ({}, {"x_version": "v1"}) for _ in range(CALLS // 2)
        }
        after = await calls_by_subset(mesh)
    assert marked == others == {"OK"}
    assert between - before == {"v2": CALLS}
    assert after - between == {"v1": CALLS}
    scenario.record_result("calls with the header go to v2, no others", f"{CALLS} of {CALLS}; 0 of {CALLS} others")
