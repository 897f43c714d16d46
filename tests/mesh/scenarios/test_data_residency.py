"""data-residency: EU calls are served in the EU or refused, and reach no server elsewhere."""

import uuid
from collections import Counter

from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product
from tests.support.clock import eventually

CALLS = 100


async def test_no_call_leaves_the_eu_even_when_it_is_down(scenario: Scenario, mesh: Mesh) -> None:
    agent = f"eu/{uuid.uuid4()}"
    elsewhere = await mesh.pod("catalog")
    async with (
        scenario.run_readme(until="kubectl scale") as readme,
        dial(mesh.gateway, user_agent=agent) as eu,
        dial(mesh.gateway) as others,
    ):
        assert (await calls_by_subset(mesh))["eu"], "the README's call was sent by the route"
        assert {await get_product(eu, x_region="eu") for _ in range(CALLS)} == {"OK"}
        await readme.run_until("kubectl delete")  # the EU is down
        refused = Counter([await get_product(eu, x_region="eu") for _ in range(CALLS)])
        other_outcomes = {await get_product(others) for _ in range(CALLS)}
        await mesh.kubectl("scale", "-n", "shop", "deployment/catalog-eu", "--replicas=1")
        await mesh.wait_for_rollout()
        async for attempt in eventually(20):
            with attempt:
                assert await get_product(eu, x_region="eu") == "OK"
        # If a call had reached the other Pod, it would be in its log, like this call of the same caller without the
        # header.
        assert await get_product(eu) == "OK"
        async for attempt in eventually(15):
            with attempt:
                assert len(await mesh.access_log(elsewhere["metadata"]["name"], agent)) == 1
    assert refused == {"UNAVAILABLE no healthy upstream": CALLS}
    assert other_outcomes == {"OK"}
    scenario.record_result(
        "EU is down: its calls are refused, not moved", f"{CALLS} of {CALLS}; 0 seen by servers elsewhere"
    )
