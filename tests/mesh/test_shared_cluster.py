"""A cluster with other tenants: the shop changes nothing of theirs, and they change nothing of the shop's."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import yaml

from tests.mesh.direct_call import DENIED, REFUSED, quote_directly
from tests.mesh.harness import Manifest, Mesh, run_mesh
from tests.mesh.policies import DEPLOYER, NETWORKING, gateway_route
from tests.mesh.raw_http import http_request
from tests.support.clock import eventually

NAMESPACES = {"shop", "shop-ingress"}
OVERLAYS = ["argo-rollouts", "local", "production"]
DRY_RUN = ("apply", "--dry-run=server", "--server-side", "--force-conflicts")
TEAPOT = 418


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_an_overlay_has_only_objects_in_the_namespaces_of_the_shop(mesh: Mesh, overlay: str) -> None:
    manifests = list(yaml.safe_load_all(await mesh.kustomize(f"mesh/kubernetes/overlays/{overlay}")))
    assert {each["metadata"].get("namespace", "none") for each in manifests} == NAMESPACES
    # These apply to every namespace unless they say otherwise.
    entries = [each["spec"].get("exportTo") for each in manifests if each["kind"] == "ServiceEntry"]
    assert all(exported == ["."] for exported in entries)


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_an_overlay_does_not_rely_on_defaults_of_the_mesh(mesh: Mesh, overlay: str) -> None:
    manifests = list(yaml.safe_load_all(await mesh.kustomize(f"mesh/kubernetes/overlays/{overlay}")))
    policies = {
        kind: [each for each in manifests if each["kind"] == kind] for kind in ("PeerAuthentication", "Sidecar")
    }
    strict = {each["metadata"]["namespace"]: each["spec"] for each in policies["PeerAuthentication"]}
    assert strict == {namespace: {"mtls": {"mode": "STRICT"}} for namespace in NAMESPACES}
    assert {each["spec"]["outboundTrafficPolicy"]["mode"] for each in policies["Sidecar"]} == {"REGISTRY_ONLY"}
    assert [each for each in policies["Sidecar"] if "workloadSelector" not in each["spec"]]


@pytest.mark.parametrize("kind", ["ClusterRole", "Namespace", "PeerAuthentication"])
async def test_a_deployer_may_not_change_the_platform(mesh: Mesh, kind: str) -> None:
    platform = [
        each for each in yaml.safe_load_all(await mesh.kustomize("mesh/kubernetes/platform")) if each["kind"] == kind
    ]
    assert platform
    for manifest in platform:
        run = await mesh.run("kubectl", *DRY_RUN, *DEPLOYER, "-f", "-", stdin=json.dumps(manifest))
        assert run.returncode != 0
        assert "forbidden" in run.stderr


def neighbour(mesh: Mesh, selector: dict[str, str]) -> list[Manifest]:
    """Build another tenant's Gateway for the address of the shop's gateway, with a route for a separate host."""
    host, _, port = mesh.gateway.rpartition(":")
    metadata = {"name": "neighbour", "namespace": "neighbour"}
    server = {"port": {"number": int(port), "name": "grpc", "protocol": "GRPC"}, "bind": host, "hosts": ["*"]}
    route = {"match": [{"uri": {"exact": "/"}}], "directResponse": {"status": TEAPOT}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "neighbour"}},
        {
            "apiVersion": NETWORKING,
            "kind": "Gateway",
            "metadata": metadata,
            "spec": {"selector": selector, "servers": [server]},
        },
        {
            "apiVersion": NETWORKING,
            "kind": "VirtualService",
            "metadata": metadata,
            "spec": {"gateways": ["neighbour"], "hosts": ["neighbour.example"], "http": [route]},
        },
    ]


@pytest.mark.parametrize("selector", [{"app": "shop-gateway"}, {"istio": "ingressgateway"}], ids=str)
async def test_no_gateway_of_another_namespace_adds_routes_to_ours(mesh: Mesh, selector: dict[str, str]) -> None:
    ours = gateway_route("ours.example", match=[{"uri": {"exact": "/"}}], directResponse={"status": TEAPOT})
    del ours["spec"]["http"][0]["route"], ours["spec"]["http"][0]["retries"]
    async with mesh.applied(*neighbour(mesh, selector)), mesh.applied(ours):
        async for waiting in eventually(20):
            with waiting:
                # Applied later, so the gateway has seen both.
                assert (await http_request(mesh.gateway, "/", {"host": "ours.example"})).status == TEAPOT
        shop = await http_request(mesh.gateway, "/", {"host": "neighbour.example"})
        assert (shop.status, b"<title>Morning Lane</title>" in shop.body) == (200, True)


@asynccontextmanager
async def permissive_mesh(mesh: Mesh) -> AsyncIterator[None]:
    """Set the default of the whole mesh to PERMISSIVE while the block runs. Many clusters have this default."""
    words = ("patch", "peerauthentication", "default", "-n", "istio-system", "--type=merge", "-p")
    await mesh.kubectl(*words, '{"spec": {"mtls": {"mode": "PERMISSIVE"}}}')
    try:
        yield
    finally:
        await mesh.kubectl(*words, '{"spec": {"mtls": {"mode": "STRICT"}}}')


async def wait_for_plaintext(address: str, outcome: str) -> None:
    async for waiting in eventually(20):
        with waiting:
            assert (await quote_directly(address, None)).startswith(outcome)


async def test_sidecars_refuse_plaintext_also_where_the_mesh_accepts_it(mesh: Mesh) -> None:
    address = (await mesh.pod("shipping"))["status"]["podIP"]
    async with permissive_mesh(mesh):
        await mesh.kubectl("delete", "peerauthentication", "default", "-n", "shop")
        try:
            # Accepted as a connection; the call has no identity, so no policy allows it.
            await wait_for_plaintext(address, DENIED)
        finally:
            await mesh.kubectl("apply", "-f", "mesh/istio/base/mtls.yaml")
        await wait_for_plaintext(address, REFUSED)


@pytest.mark.prove
async def test_up_deletes_the_page_of_earlier_releases(mesh: Mesh) -> None:
    former = gateway_route("*", match=[{"uri": {"exact": "/"}}], directResponse={"status": TEAPOT})
    former["metadata"]["name"] = "welcome"
    del former["spec"]["http"][0]["route"], former["spec"]["http"][0]["retries"]
    async with mesh.applied(former):
        up = run_mesh("up", "-i", mesh.name)
        assert up.returncode == 0, up.stdout
        assert "welcome" not in await mesh.kubectl("get", "virtualservices", "-n", "shop")


@pytest.mark.prove
@pytest.mark.parametrize("labels", [{"app.kubernetes.io/part-of": "grpc-mesh"}, {}], ids=["ours", "another tenant's"])
async def test_up_deletes_the_gateway_of_earlier_releases(mesh: Mesh, labels: dict[str, str]) -> None:
    metadata = {"name": "istio-ingress", "labels": labels}
    async with mesh.applied({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}):
        up = run_mesh("up", "-i", mesh.name)
        assert up.returncode == 0, up.stdout
        assert ("istio-ingress" in await mesh.kubectl("get", "namespaces")) == (not labels)
