"""graceful-rollout: new Pods take the place of old ones under steady calls, and not one of these fails."""

import pytest

from tests.mesh.calls import Shop, steady_shop
from tests.mesh.harness import SERVICES
from tests.mesh.scenarios.scenario import Scenario

RESTARTED_BY_README = "catalog"


async def test_a_restart_of_each_service_and_its_sidecar_fails_no_call(scenario: Scenario, shop: Shop) -> None:
    mesh = scenario.mesh
    async with steady_shop(shop) as calls, scenario.run_readme(until="wait"):
        for name in SERVICES:
            if name != RESTARTED_BY_README:
                await mesh.kubectl("rollout", "restart", "-n", "shop", f"deployment/{name}")
                # The next service begins when the new Pods are ready, while the old ones are still leaving.
                await mesh.kubectl("rollout", "status", "-n", "shop", f"deployment/{name}", within=90)
        await mesh.wait_for_rollout()
    assert calls.failed == []
    note(scenario, "every service and its sidecar", calls.made.total())


@pytest.mark.parametrize(
    ("who", "namespace", "workload"),
    [("the gateway", "istio-ingress", "ingressgateway"), ("istiod", "istio-system", "istiod")],
    ids=["gateway", "istiod"],
)
async def test_a_restart_of_the_mesh_itself_fails_no_call(
    scenario: Scenario, shop: Shop, who: str, namespace: str, workload: str
) -> None:
    async with steady_shop(shop) as calls:
        await scenario.mesh.restart(workload, namespace)
    assert calls.failed == []
    note(scenario, who, calls.made.total())


def note(scenario: Scenario, who: str, calls: int) -> None:
    """Note how many calls a restart was tried with."""
    scenario.record_result(f"{who} restarted under load: no call fails", f"0 of {calls} failed")
