"""Whose address counts behind a load balancer, with mesh/kubernetes/components/http-load-balancer."""

import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import yaml

from tests.mesh.harness import Mesh
from tests.mesh.raw_http import http_request
from tests.mesh.test_rate_limits import LOGIN_BURST, production_limits
from tests.support.checkout import ROOT
from tests.support.clock import eventually

LOGIN = "/v1/tokens:issue"
COMPONENT = ROOT / "mesh/kubernetes/components/http-load-balancer/kustomization.yaml"
CALLER, NEIGHBOUR = "203.0.113.7", "203.0.113.8"

pytestmark = pytest.mark.prove


@pytest.fixture
async def behind_load_balancer(mesh: Mesh) -> AsyncIterator[Mesh]:
    """Yield the mesh with the component applied, and the limits of production."""
    [patch] = yaml.safe_load(COMPONENT.read_text(encoding="utf-8"))["patches"]
    deployment = ("-n", "shop-ingress", "deployment/shop-gateway")
    await mesh.kubectl("patch", *deployment, "--type=json", "-p", json.dumps(yaml.safe_load(patch["patch"])))
    try:
        await mesh.wait_for_rollout("shop-ingress")
        async with production_limits(mesh):
            yield mesh
    finally:
        removal = [{"op": "remove", "path": "/spec/template/metadata/annotations/proxy.istio.io~1config"}]
        await mesh.kubectl("patch", *deployment, "--type=json", "-p", json.dumps(removal))
        await mesh.wait_for_rollout("shop-ingress")


async def test_the_last_address_counts_and_what_a_caller_claims_does_not(behind_load_balancer: Mesh) -> None:
    mesh, agent = behind_load_balancer, str(uuid.uuid4())

    async def status(address: str) -> int:
        """Log in as a caller that claims a different address each time. The load balancer adds the real one."""
        claimed = f"198.51.100.{uuid.uuid4().int % 256}, {address}"
        headers = {"x-forwarded-for": claimed, "user-agent": agent}
        return (await http_request(mesh.gateway, LOGIN, headers, method="POST")).status

    async for attempt in eventually(30):
        with attempt:
            statuses = Counter([await status(CALLER) for _ in range(2 * LOGIN_BURST)])
            assert statuses[429]
    assert await status(NEIGHBOUR) == 400, "another address has its own limit; the request is empty"
    async for attempt in eventually(10):
        with attempt:
            log = await mesh.kubectl("logs", "-n", "shop-ingress", "deployment/shop-gateway")
            lines = [json.loads(line) for line in log.splitlines() if agent in line]
            logged = {line["downstream_remote_address"].rpartition(":")[0] for line in lines}
            assert logged == {CALLER, NEIGHBOUR}
