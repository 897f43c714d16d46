"""The platform and each overlay are accepted by the API server, by Istio's webhook and by istioctl analyze."""

import inspect
import re
from typing import Any

import pytest
import yaml

from mesh.local.canary.rollout import WEIGHTS
from mesh.local.cli import canary
from tests.mesh.harness import Mesh
from tests.mesh.policies import DEPLOYER

OVERLAYS = "mesh/kubernetes/overlays"
FOLDERS = ["mesh/kubernetes/platform", "mesh/local/platform", f"{OVERLAYS}/local", f"{OVERLAYS}/production"]


@pytest.mark.parametrize("folder", FOLDERS)
async def test_the_api_server_and_istio_accept_a_folder(mesh: Mesh, folder: str) -> None:
    manifests = await mesh.kustomize(folder)
    words = ["apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"]
    deployer = DEPLOYER if folder.startswith(OVERLAYS) else ()
    output = await mesh.kubectl(*words, *deployer, stdin=manifests)
    assert len(output.splitlines()) == manifests.count("\nkind: ")


@pytest.mark.parametrize("folder", FOLDERS)
async def test_istioctl_finds_no_issue_in_a_folder(mesh: Mesh, folder: str) -> None:
    run = await mesh.run("istioctl", "analyze", "--use-kube=false", "-", stdin=await mesh.kustomize(folder))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No validation issues" in run.stdout + run.stderr


async def test_production_exposes_only_the_tls_port_of_the_gateway(mesh: Mesh) -> None:
    manifests = [each for each in yaml.safe_load_all(await mesh.kustomize(f"{OVERLAYS}/production")) if each]
    by_kind: dict[str, list[Any]] = {}
    for manifest in manifests:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    [gateway] = by_kind["Gateway"]
    assert [server["port"]["protocol"] for server in gateway["spec"]["servers"]] == ["HTTPS"]
    outside = [each for each in by_kind["Service"] if each["spec"].get("type", "ClusterIP") != "ClusterIP"]
    assert [(each["metadata"]["name"], [port["port"] for port in each["spec"]["ports"]]) for each in outside] == [
        ("shop-gateway", [443])
    ]
    # No Service contains the admin port of Envoy. The management port is only in the Service for the keys.
    internal_ports = {port["port"] for each in by_kind["Service"] for port in each["spec"]["ports"]} - {443}
    assert internal_ports == {50051, 8080, 8081}
    public = [
        path
        for policy in by_kind["AuthorizationPolicy"]
        if policy["metadata"]["namespace"] == "shop-ingress" and policy["metadata"]["name"] != "storefront"
        for rule in policy["spec"].get("rules", [])
        for to in rule["to"]
        for path in to["operation"]["paths"]
    ]
    assert [path for path in public if not path.startswith("/shop.")] == ["/openapi.json"]
    for workload in by_kind["Deployment"]:
        spec = workload["spec"]["template"]["spec"]
        assert not spec.get("hostNetwork")
        assert [port for each in spec["containers"] for port in each.get("ports", []) if "hostPort" in port] == []


async def test_production_has_no_settings_for_the_local_node(mesh: Mesh) -> None:
    production = await mesh.kustomize(f"{OVERLAYS}/production")
    assert "hostPath" not in production
    assert "interceptionMode" not in production
    assert "127.0.0" not in production


async def test_a_canary_with_argo_rollouts_is_the_same_as_mesh_canary(mesh: Mesh) -> None:
    overlay = list(yaml.safe_load_all(await mesh.kustomize(f"{OVERLAYS}/argo-rollouts")))
    named = {(each["kind"], each["metadata"]["name"]): each for each in overlay}
    strategy = named["Rollout", "catalog"]["spec"]["strategy"]["canary"]
    istio = strategy["trafficRouting"]["istio"]
    route = named["VirtualService", istio["virtualService"]["name"]]
    rule = named["DestinationRule", istio["destinationRule"]["name"]]
    rows = {row["name"]: [each["destination"]["subset"] for each in row["route"]] for row in route["spec"]["http"]}
    subsets = [istio["destinationRule"][f"{name}SubsetName"] for name in ("stable", "canary")]
    assert rows == dict.fromkeys(istio["virtualService"]["routes"], subsets)
    assert [subset["name"] for subset in rule["spec"]["subsets"]] == subsets
    assert named["Deployment", "catalog"]["spec"]["replicas"] == 0, "the Rollout creates its Pods"
    assert tuple(step["setWeight"] for step in strategy["steps"] if "setWeight" in step) == WEIGHTS
    [template] = strategy["analysis"]["templates"]
    analysis = named["AnalysisTemplate", template["templateName"]]["spec"]
    assert [arg["name"] for arg in analysis["args"]] == [arg["name"] for arg in strategy["analysis"]["args"]]
    limits = {each["name"]: re.findall(r"[<>]= ([\d.]+)$", each["successCondition"]) for each in analysis["metrics"]}
    defaults = inspect.signature(canary).parameters
    assert limits == {"success": [f"{defaults['success'].default / 100:g}"], "p99": [f"{defaults['p99'].default:g}"]}
    await mesh.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump_all([route, rule]))
