"""graceful-rollout: new Pods take the place of old ones under steady calls, and not one of these fails."""

import pytest

from tests.mesh.calls import Shop, steady_shop
from tests.mesh.harness import SERVICES
from tests.mesh.scenarios.scenario import Scenario


@pytest.mark.parametrize(
    ("who", "namespace", "workloads"),
    [
        ("every service and its sidecar", "shop", SERVICES),
        ("the gateway", "istio-ingress", ["ingressgateway"]),
        ("istiod", "istio-system", ["istiod"]),
    ],
    ids=["services", "gateway", "istiod"],
)
async def test_a_restart_fails_no_call(
    scenario: Scenario, shop: Shop, who: str, namespace: str, workloads: list[str]
) -> None:
    async with steady_shop(shop) as calls:
        for name in workloads:
            await scenario.mesh.restarted(name, namespace)
    assert calls.failed == []
    scenario.reached(f"{who} restarted under load: no call fails", f"0 of {calls.made.total()} failed")
