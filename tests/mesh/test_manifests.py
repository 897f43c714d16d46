"""Each overlay as a cluster would take it: by the API server's own rules, Istio's webhook, and istioctl's analysis."""

import inspect
import re
from typing import Any

import pytest
import yaml

from mesh.local.canary.rollout import WEIGHTS
from mesh.local.cli import canary
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
    assert [path for path in public if not path.startswith("/shop.")] == ["/openapi.json"]
    for workload in by_kind["Deployment"]:
        spec = workload["spec"]["template"]["spec"]
        assert not spec.get("hostNetwork")
        assert [port for each in spec["containers"] for port in each.get("ports", []) if "hostPort" in port] == []


async def test_no_overlay_says_what_only_the_local_node_needs_but_the_local_one(mesh: Mesh) -> None:
    production = await rendered(mesh, "production")
    assert "hostPath" not in production
    assert "interceptionMode" not in production
    assert "127.0.0" not in production


async def test_a_canary_on_a_cluster_is_a_canary_of_the_local_mesh(mesh: Mesh) -> None:
    overlay = list(yaml.safe_load_all(await rendered(mesh, "argo-rollouts")))
    named = {(each["kind"], each["metadata"]["name"]): each for each in overlay}
    strategy = named["Rollout", "catalog"]["spec"]["strategy"]["canary"]
    istio = strategy["trafficRouting"]["istio"]
    route = named["VirtualService", istio["virtualService"]["name"]]
    rule = named["DestinationRule", istio["destinationRule"]["name"]]
    rows = {row["name"]: [each["destination"]["subset"] for each in row["route"]] for row in route["spec"]["http"]}
    subsets = [istio["destinationRule"][f"{kind}SubsetName"] for kind in ("stable", "canary")]
    assert rows == dict.fromkeys(istio["virtualService"]["routes"], subsets)
    assert [subset["name"] for subset in rule["spec"]["subsets"]] == subsets
    assert named["Deployment", "catalog"]["spec"]["replicas"] == 0, "its Pods are the Rollout's"
    assert tuple(step["setWeight"] for step in strategy["steps"] if "setWeight" in step) == WEIGHTS
    [template] = strategy["analysis"]["templates"]
    analysis = named["AnalysisTemplate", template["templateName"]]["spec"]
    assert [arg["name"] for arg in analysis["args"]] == [arg["name"] for arg in strategy["analysis"]["args"]]
    limits = {each["name"]: re.findall(r"[<>]= ([\d.]+)$", each["successCondition"]) for each in analysis["metrics"]}
    defaults = inspect.signature(canary).parameters
    assert limits == {"success": [f"{defaults['success'].default / 100:g}"], "p99": [f"{defaults['p99'].default:g}"]}
    await mesh.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump_all([route, rule]))
