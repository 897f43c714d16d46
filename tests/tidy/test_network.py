"""NetworkPolicies agree with the other policies: Pods exchange packets exactly where their proxies exchange calls."""

from collections.abc import Iterator
from typing import Any

import pytest

from mesh.local.matrix.declared import services
from tests.tidy.manifests import BASE, CONTRACTS, Manifest, manifests
from tests.tidy.test_policies import GATEWAY_ACCOUNT, SERVICE_ACCOUNT, permissions
from tests.tidy.tree import Tree

GATEWAY, GRPC, HTTP, JWKS, DATABASE, EVENTS = "shop-gateway", 50051, 8080, 8081, 5432, 9093
SIDECAR = {"security.istio.io/tlsMode": "istio"}


@pytest.fixture(scope="module")
def policies(checkout: Tree) -> list[Manifest]:
    return [manifest for _, manifest in manifests(checkout, BASE, CONTRACTS, kind="NetworkPolicy")]


def selected(policies: list[Manifest], namespace: str, labels: dict[str, str]) -> Iterator[Manifest]:
    """Yield the specifications of the policies that apply to a Pod."""
    for policy in policies:
        expected = policy["spec"]["podSelector"].get("matchLabels", {})
        if policy["metadata"]["namespace"] == namespace and expected.items() <= labels.items():
            yield policy["spec"]


def reached(policies: list[Manifest], namespace: str, labels: dict[str, str]) -> set[tuple[str, int]]:
    """Return (app or "any", port) of all that a Pod may send packets to."""
    return {
        peer
        for spec in selected(policies, namespace, labels)
        for rule in spec.get("egress", [])
        for peer in _peers(rule, "to")
    }


def _peers(rule: dict[str, Any], direction: str) -> Iterator[tuple[str, int]]:
    for port in rule["ports"]:
        for peer in rule.get(direction) or [{}]:
            selector = peer.get("podSelector", {})
            names = [*selector.get("matchLabels", {}).values()]
            names += [name for each in selector.get("matchExpressions", []) for name in each["values"]]
            yield from ((name, port["port"]) for name in names or ["any"])


def pod(app: str) -> dict[str, str]:
    return {"app": app} | SIDECAR


def test_a_service_sends_packets_to_its_callees_and_accepts_them_from_its_callers(
    checkout: Tree, policies: list[Manifest]
) -> None:
    calls = {
        (GATEWAY if caller == GATEWAY_ACCOUNT else caller.removeprefix(SERVICE_ACCOUNT), app)
        for app, caller, _ in permissions(checkout, "shop")
        if caller != "*"
    }
    outbound = {
        (service, app)
        for service in checkout.services()
        for app, port in reached(policies, "shop", pod(service))
        if port == GRPC
    }
    outbound |= {(GATEWAY, app) for app, port in reached(policies, "shop-ingress", {"app": GATEWAY}) if port == GRPC}
    inbound = {
        (caller, service)
        for service in checkout.services()
        for spec in selected(policies, "shop", pod(service))
        for rule in spec.get("ingress", [])
        for caller, port in _peers(rule, "from")
        if port == GRPC
    }
    assert outbound == inbound == calls


def test_only_the_gateway_reaches_the_pages(checkout: Tree, policies: list[Manifest]) -> None:
    assert ("storefront", HTTP) in reached(policies, "shop-ingress", {"app": GATEWAY})
    [ingress] = [
        {*_peers(rule, "from")}
        for spec in selected(policies, "shop", pod("storefront"))
        for rule in spec.get("ingress", [])
    ]
    assert ingress == {(GATEWAY, HTTP)}
    for service in checkout.services():
        assert HTTP not in {port for _, port in reached(policies, "shop", pod(service))}


def test_only_the_owners_of_data_and_the_users_of_events_reach_their_servers(
    checkout: Tree, policies: list[Manifest]
) -> None:
    for declared in services(checkout.root):
        peers = reached(policies, "shop", pod(declared.name))
        assert (("any", DATABASE) in peers) == declared.uses_database, declared.name
        assert (("any", EVENTS) in peers) == declared.uses_events, declared.name


def test_a_pod_without_a_sidecar_reaches_nothing_and_cannot_be_reached(
    checkout: Tree, policies: list[Manifest]
) -> None:
    for service in checkout.services():
        specs = list(selected(policies, "shop", {"app": service}))
        assert [spec["policyTypes"] for spec in specs] == [["Ingress", "Egress"]], "only the default"
        assert not [rule for spec in specs for rule in (*spec.get("egress", []), *spec.get("ingress", []))]


def test_only_the_gateway_reads_the_keys(policies: list[Manifest]) -> None:
    assert ("identity", JWKS) in reached(policies, "shop-ingress", {"app": GATEWAY})
    [rule] = [
        rule
        for spec in selected(policies, "shop", pod("identity"))
        for rule in spec.get("ingress", [])
        if {"port": JWKS} in rule["ports"]
    ]
    assert [*_peers(rule, "from")] == [(GATEWAY, JWKS)]
