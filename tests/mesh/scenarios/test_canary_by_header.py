"""canary-by-header: who asks for v2 gets it, and nobody else."""

from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product

CALLS = 100


async def test_who_asks_for_the_canary_gets_it_and_nobody_else(scenario: Scenario, mesh: Mesh) -> None:
    async with scenario.run_readme(), dial(mesh.gateway) as channel:
        before = await calls_by_subset(mesh)
        asked = {await get_product(channel, x_version="v2") for _ in range(CALLS)}
        between = await calls_by_subset(mesh)
        others = {
            await get_product(channel, **headers) for headers in ({}, {"x_version": "v1"}) for _ in range(CALLS // 2)
        }
        after = await calls_by_subset(mesh)
    assert asked == others == {"OK"}
    assert between - before == {"v2": CALLS}
    assert after - between == {"v1": CALLS}
    scenario.record_result("who sends the header gets v2, nobody else", f"{CALLS} of {CALLS}; 0 of {CALLS} others")
