"""rate-limit-global: two gateway Pods share the limit of a user."""

import uuid
from collections import Counter

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.signer import Signer
from tests.support.clock import eventually

LIMIT, CONNECTIONS = 10, 16
LIMITED = "RESOURCE_EXHAUSTED"
GATEWAY = "shop-ingress"


async def calls_by_pod(mesh: Mesh, user_agent: str) -> list[int]:
    """Return how many calls of a user agent each gateway Pod has handled."""
    pods = [pod["metadata"]["name"] for pod in await mesh.pods("shop-gateway", GATEWAY)]
    logs = [await mesh.kubectl("logs", "-n", GATEWAY, pod) for pod in pods]
    return [log.count(user_agent) for log in logs]


async def outcomes(mesh: Mesh, token: str, user_agent: str) -> Counter[str]:
    """Call twice on each of many new connections, which the Pods of the gateway share."""
    counted: Counter[str] = Counter()
    for number in range(CONNECTIONS):
        async with dial(mesh.gateway, token=token, user_agent=f"{user_agent}-{number}") as channel:
            counted.update([(await outcome_of(Shop(channel).list_orders())).split()[0] for _ in range(2)])
    return counted


async def test_two_gateway_pods_share_the_limit_of_a_user(scenario: Scenario, mesh: Mesh) -> None:
    async with scenario.run_readme(until="kubectl scale -n shop deployment"):
        token, user_agent = Signer.of(mesh.home).token(sub=f"users/{uuid.uuid4()}"), str(uuid.uuid4())
        counted = await outcomes(mesh, token, user_agent)
        assert counted == {"OK": LIMIT, LIMITED: 2 * CONNECTIONS - LIMIT}
        async for attempt in eventually(10):
            with attempt:
                by_pod = await calls_by_pod(mesh, user_agent)
                assert (sum(by_pod), len(by_pod)) == (2 * CONNECTIONS, 2)
        assert all(by_pod), "both Pods were called"
        other = Signer.of(mesh.home).token(sub=f"users/{uuid.uuid4()}")
        async with dial(mesh.gateway, token=other) as channel:
            assert await outcome_of(Shop(channel).list_orders()) == "OK"
    scenario.record_result(
        f"{LIMIT} calls of a user pass, through two gateway Pods together",
        f"{counted['OK']} of {counted.total()}; the Pods had {' and '.join(map(str, by_pod))} calls",
    )
