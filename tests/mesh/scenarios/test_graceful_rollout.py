"""graceful-rollout: new Pods replace old ones under steady calls, and no call fails."""

import pytest

from tests.mesh.calls import Shop, steady_shop
from tests.mesh.harness import SERVICES
from tests.mesh.scenarios.scenario import Scenario

RESTARTED_BY_README = "catalog"


async def test_no_call_fails_when_each_service_restarts_with_its_sidecar(scenario: Scenario, shop: Shop) -> None:
    mesh = scenario.mesh
    async with steady_shop(shop) as calls, scenario.run_readme(until="wait"):
        for name in SERVICES:
            if name != RESTARTED_BY_README:
                await mesh.kubectl("rollout", "restart", "-n", "shop", f"deployment/{name}")
                # Continue when the new Pods are ready, while the old ones are still stopping.
                await mesh.kubectl("rollout", "status", "-n", "shop", f"deployment/{name}", within=90)
        await mesh.wait_for_rollout()
    assert calls.failed == []
    record(scenario, "every service and its sidecar", calls.made.total())


@pytest.mark.parametrize(
    ("component", "namespace", "workload"),
    [("the gateway", "shop-ingress", "shop-gateway"), ("istiod", "istio-system", "istiod")],
    ids=["gateway", "istiod"],
)
async def test_no_call_fails_when_gateway_or_istiod_restarts(
    scenario: Scenario, shop: Shop, component: str, namespace: str, workload: str
) -> None:
    async with steady_shop(shop) as calls:
        await scenario.mesh.restart(workload, namespace)
    assert calls.failed == []
    record(scenario, component, calls.made.total())


def record(scenario: Scenario, component: str, calls: int) -> None:
    """Record the number of calls during a restart."""
    scenario.record_result(f"{component} restarted under load: no call fails", f"0 of {calls} failed")
