"""Each overlay as a cluster would take it: by the API server's own rules, Istio's webhook, and istioctl's analysis."""

from typing import Any

import pytest
import yaml

from tests.mesh.harness import ROOT, Mesh

OVERLAYS = ["local", "production"]


async def rendered(mesh: Mesh, overlay: str) -> str:
    return await mesh.kubectl("kustomize", str(ROOT / "mesh/kubernetes/overlays" / overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_the_api_server_and_istio_accept_an_overlay(mesh: Mesh, overlay: str) -> None:
    manifests = await rendered(mesh, overlay)
    words = ["apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"]
    answer = await mesh.kubectl(*words, stdin=manifests)
    assert len(answer.splitlines()) == manifests.count("\nkind: ")


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_istioctl_finds_nothing_in_an_overlay(mesh: Mesh, overlay: str) -> None:
    run = await mesh.run("istioctl", "analyze", "--use-kube=false", "-", stdin=await rendered(mesh, overlay))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No validation issues" in run.stdout + run.stderr


async def test_production_opens_the_gateways_tls_port_and_nothing_else(mesh: Mesh) -> None:
    manifests = [each for each in yaml.safe_load_all(await rendered(mesh, "production")) if each]
    by_kind: dict[str, list[Any]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    [gateway] = by_kind["Gateway"]
    assert [server["port"]["protocol"] for server in gateway["spec"]["servers"]] == ["HTTPS"]
    outside = [each for each in by_kind["Service"] if each["spec"].get("type", "ClusterIP") != "ClusterIP"]
    assert [(each["metadata"]["name"], [port["port"] for port in each["spec"]["ports"]]) for each in outside] == [
        ("ingressgateway", [443])
    ]
    # Envoy's admin port and the apps' own management are in no Service, but for the path of the last that gives keys.
    inside = {port["port"] for each in by_kind["Service"] for port in each["spec"]["ports"]} - {443}
    assert inside == {50051, 8081}
    public = [
        path
        for policy in by_kind["AuthorizationPolicy"]
        if policy["metadata"]["namespace"] == "istio-ingress"
        for rule in policy["spec"].get("rules", [])
        for to in rule["to"]
        for path in to["operation"]["paths"]
    ]
    assert [path for path in public if not path.startswith("/shop.")] == []
    for workload in by_kind["Deployment"]:
        spec = workload["spec"]["template"]["spec"]
        assert not spec.get("hostNetwork")
        assert [port for each in spec["containers"] for port in each.get("ports", []) if "hostPort" in port] == []


async def test_no_overlay_says_what_only_the_local_node_needs_but_the_local_one(mesh: Mesh) -> None:
    production = await rendered(mesh, "production")
    assert "hostPath" not in production
    assert "interceptionMode" not in production
    assert "127.0.0" not in production
