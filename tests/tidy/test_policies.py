"""Contracts and manifests agree: each method has a route and callers, and no other path has them.

tests/contracts/test_generated.py refuses any edit of generated manifests. These tests check what the generator writes,
and the manifests in mesh/istio/base, which are written by hand.
"""

import pytest

from tests.support.contracts import REFLECTION, is_public, is_repeatable, methods, service_of
from tests.tidy.manifests import BASE, CONTRACTS, WORKLOADS, Manifest, manifests, parsed
from tests.tidy.tree import Tree

GATEWAY = "shop-ingress/public"
GATEWAY_ACCOUNT, SERVICE_ACCOUNT = "cluster.local/ns/shop-ingress/sa/shop-gateway", "cluster.local/ns/shop/sa/"
MAX_RETRIES = 2
HTTP_PATHS = {"/.well-known/jwks.json", "/openapi.json"}
"""Public paths that are no methods: the keys that verify tokens, and the HTTP API as a document."""
STOREFRONT = "storefront"
"""The only workload that serves no method; test_pages.py tests its policies."""
SERVICE_PORTS = {("grpc", "grpc"), ("http", "http"), ("http-jwks", "http"), ("https", "https")}
GATEWAY_PORTS = {("grpc", "GRPC"), ("https", "HTTPS")}

METHODS = methods()
PATHS = METHODS.keys() | REFLECTION
PUBLIC = {path for path, method in METHODS.items() if is_public(method)} | REFLECTION


@pytest.fixture(scope="module")
def routes(checkout: Tree) -> list[tuple[str, Manifest, bool]]:
    """Return (path, row, whether it is the gateway's) for each row of a VirtualService; "" if no exact path matches."""
    return [
        (match.get("uri", {}).get("exact", ""), row, GATEWAY in manifest["spec"].get("gateways", []))
        for _, manifest in manifests(checkout, BASE, CONTRACTS, kind="VirtualService")
        if manifest["metadata"]["name"] != STOREFRONT
        for row in manifest["spec"]["http"]
        for match in row.get("match") or [{}]
        if "directResponse" not in row or match["uri"]["exact"] not in HTTP_PATHS
    ]


def permissions(tree: Tree, namespace: str) -> set[tuple[str, str, str]]:
    """Return (app, caller, path) of the AuthorizationPolicies of a namespace. "*" is any caller or path."""
    found = set()
    for _, manifest in manifests(tree, BASE, CONTRACTS, kind="AuthorizationPolicy"):
        app = manifest["spec"].get("selector", {}).get("matchLabels", {}).get("app")
        if manifest["metadata"]["namespace"] != namespace or manifest["metadata"]["name"] == STOREFRONT:
            continue
        for rule in manifest["spec"].get("rules", []) if app else []:
            callers = [name for source in rule.get("from", []) for name in source["source"].get("principals", [])]
            paths = [path for to in rule.get("to", []) for path in to["operation"].get("paths", [])]
            found |= {(app, caller, path) for caller in callers or ["*"] for path in paths or ["*"]}
    return {(app, caller, path) for app, caller, path in found if path not in HTTP_PATHS}


def test_each_method_has_a_route_to_its_service(routes: list[tuple[str, Manifest, bool]]) -> None:
    assert {path for path, _, _ in routes} == {path for path, row, _ in routes if "route" in row} == PATHS
    for path, row, _ in routes:
        if "delegate" in row:
            assert row["delegate"]["name"] == f"{service_of(path)}-traffic", path
        else:
            assert row["route"][0]["destination"]["host"] == f"{service_of(path)}.shop.svc.cluster.local", path


def test_only_repeatable_methods_are_retried(routes: list[tuple[str, Manifest, bool]]) -> None:
    for path, row, _ in routes:
        may_retry = path in METHODS and is_repeatable(METHODS[path])
        assert 0 <= row["retries"]["attempts"] <= (MAX_RETRIES if may_retry else 0), path


def test_each_route_has_a_timeout_unless_it_is_for_a_stream(routes: list[tuple[str, Manifest, bool]]) -> None:
    streams = {path for path, method in METHODS.items() if method.server_streaming} | REFLECTION
    assert {path for path, row, _ in routes if "timeout" not in row} == streams
    assert not [path for path, row, _ in routes if "timeout" in row and path in streams]


def test_each_method_has_callers_and_each_caller_is_a_service_account(checkout: Tree) -> None:
    assert {path for _, _, path in permissions(checkout, "shop")} == PATHS
    for app, caller, path in permissions(checkout, "shop"):
        assert app == service_of(path)
        assert caller == GATEWAY_ACCOUNT or caller.startswith(SERVICE_ACCOUNT), path


def test_each_sidecar_lists_the_services_that_permit_its_calls(checkout: Tree) -> None:
    inbound = {(caller, app) for app, caller, _ in permissions(checkout, "shop") if caller != GATEWAY_ACCOUNT}
    outbound = {
        (SERVICE_ACCOUNT + selector["labels"]["app"], host.removeprefix("./").split(".")[0])
        for _, manifest in manifests(checkout, BASE, CONTRACTS, kind="Sidecar")
        if (selector := manifest["spec"].get("workloadSelector"))
        for egress in manifest["spec"]["egress"]
        for host in egress["hosts"]
        if host.startswith("./")  # a service of this namespace
    }
    assert inbound == outbound


def test_the_gateway_has_exactly_the_public_methods(checkout: Tree, routes: list[tuple[str, Manifest, bool]]) -> None:
    assert {path for _, _, path in permissions(checkout, "shop-ingress")} == PUBLIC
    assert {path for path, _, is_gateway in routes if is_gateway} == PUBLIC
    assert {path for _, caller, path in permissions(checkout, "shop") if caller == GATEWAY_ACCOUNT} == PUBLIC


def test_istio_detects_the_protocol_of_each_port(checkout: Tree) -> None:
    """Istio reads the name of a port; the cluster reads appProtocol."""
    for file, service in manifests(checkout, WORKLOADS, kind="Service"):
        assert {(port["name"], port["appProtocol"]) for port in service["spec"]["ports"]} <= SERVICE_PORTS, file
    for file, gateway in manifests(checkout, BASE, CONTRACTS, kind="Gateway"):
        ports = [server["port"] for server in gateway["spec"]["servers"]]
        assert {(port["name"], port["protocol"]) for port in ports} <= GATEWAY_PORTS, file


def test_each_service_has_a_workload_and_policies(checkout: Tree) -> None:
    assert {*checkout.services()} <= {file.stem for file in checkout.under(BASE, CONTRACTS, suffix=".yaml")}
    assert {*checkout.services()} <= {file.stem for file in checkout.under(WORKLOADS, suffix=".yaml")}


@pytest.mark.parametrize("folder", [BASE, CONTRACTS, WORKLOADS])
def test_each_manifest_is_in_its_kustomization(checkout: Tree, folder: str) -> None:
    [kustomization] = parsed(checkout.text(f"{folder}/kustomization.yaml"))
    listed = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
    assert {file.name for file in checkout.under(folder, suffix=".yaml")} - {"kustomization.yaml"} == listed
