"""Scaling and rollouts by Kubernetes work, and no call fails meanwhile."""

import uuid
from collections import Counter

import pytest

from tests.mesh import policies
from tests.mesh.calls import Shop, steady_shop
from tests.mesh.harness import Mesh, dial
from tests.support.clock import eventually
from tests.support.report import Measured


@pytest.mark.prove
async def test_three_replicas_share_the_calls_and_no_call_fails_when_scaling_down(
    mesh: Mesh, shop: Shop, measured: Measured
) -> None:
    async with steady_shop(shop) as calls, mesh.scaled("deployment/inventory", 3):
        names = [pod["metadata"]["name"] for pod in await mesh.pods("inventory")]
        assert len(names) == 3
        user_agent = f"test/{uuid.uuid4()}"
        async with dial(mesh.gateway, user_agent=user_agent) as channel:
            for _ in range(300):
                await Shop(channel).get_stock()
        shares: Counter[str] = Counter()
        async for attempt in eventually(15):  # Envoy writes its access log in batches
            with attempt:
                shares = Counter({name: len(await mesh.access_log(name, user_agent)) for name in names})
                assert shares.total() == 300
    measured(f"300 calls over three replicas: {dict(shares)}; meanwhile {dict(calls.made)}")
    assert min(shares.values()) > 60, shares
    assert not calls.failed


@pytest.mark.prove
async def test_undoing_a_rollout_restores_the_old_template(mesh: Mesh) -> None:
    before = await template(mesh)
    await mesh.kubectl("set", "env", "-n", "shop", "deployment/reflection", "LOG_LEVEL=DEBUG")
    try:
        await mesh.wait_for_rollout()
        assert await template(mesh) != before
    finally:
        await mesh.kubectl("rollout", "undo", "-n", "shop", "deployment/reflection")
    await mesh.wait_for_rollout()
    assert await template(mesh) == before


async def test_a_deleted_pod_is_replaced(mesh: Mesh, shop: Shop) -> None:
    old = await mesh.pod("catalog")
    await mesh.kubectl("delete", "pod", "-n", "shop", old["metadata"]["name"], "--wait=false")
    async for attempt in eventually(30):
        with attempt:
            uids = [pod["metadata"]["uid"] for pod in await mesh.pods("catalog")]
            assert len(uids) == 1
            assert uids[0] != old["metadata"]["uid"]
    await mesh.wait_for_rollout()
    await shop.get_product()


@pytest.mark.prove
async def test_a_proxy_keeps_its_listeners_until_it_stops_when_its_deployment_is_deleted_in_the_foreground(
    mesh: Mesh,
) -> None:
    """Test foreground deletion, which GitOps tools use: everything that a Pod owns is deleted before the Pod."""
    second = policies.second_deployment(await mesh.get("deployments", "-n", "shop", "catalog"), twin="yes")
    states = set()
    async with mesh.applied(second):
        await mesh.wait_for_rollout()
        [pod] = [pod for pod in await mesh.pods("catalog") if "twin" in pod["metadata"]["labels"]]
        selector = ["-n", "shop", "-l", f"mesh.local/pod={pod['metadata']['name']}"]
        assert len((await mesh.get("sidecars", *selector))["items"]) == 1
        await mesh.kubectl("delete", "--cascade=foreground", "--wait=false", "-n", "shop", "deployment/catalog-twin")
        async for attempt in eventually(60):
            with attempt:
                listens = bool((await mesh.get("sidecars", *selector))["items"])
                runs = bool(mesh.processes("envoy", pod["metadata"]["uid"]))
                states.add((listens, runs))
                assert states >= {(True, True), (False, False)}
    assert (False, True) not in states


async def template(mesh: Mesh) -> object:
    return (await mesh.get("deployments", "-n", "shop", "reflection"))["spec"]["template"]["spec"]
