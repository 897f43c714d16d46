"""NetworkPolicies: which Pods a service may exchange packets with.

They repeat on the network what the other resources say to the proxies, because a Pod without a proxy obeys none of
those. They select only Pods with a sidecar: Istio adds the label SIDECAR to a Pod when it injects one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.settings import Settings
from tools.protoc_gen_istio.sidecars import labels

VERSION, KIND = "networking.k8s.io/v1", "NetworkPolicy"
SIDECAR = {"security.istio.io/tlsMode": "istio"}


def service_network(graph: Graph, declared: Declaration, settings: Settings) -> Manifest | None:
    """Return a service's NetworkPolicy; None if it exchanges no packets."""
    methods = graph.own(declared)
    callers = sorted({caller for method in methods for caller in graph.callers[method.name]})
    is_public = any(method.public for method in methods)
    marks = labels(declared)
    if not (callers or is_public or marks):
        return None
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": OneLine({"app": declared.service, **SIDECAR})},
        "policyTypes": OneLine(["Ingress", "Egress"]),
    }
    if callers or is_public:
        gateway = {**_namespace(settings.gateway_namespace), "podSelector": _labels(settings.gateway_selector)}
        peers = [*([gateway] if is_public else []), *_pods(callers)]
        spec["ingress"] = [{"from": peers, "ports": _ports(settings.port)}]
    if marks:
        spec["egress"] = list(_egress(graph.callees(declared), declared, settings))
    head = manifest(VERSION, KIND, declared.service, settings.namespace, labels=OneLine({**marks}) if marks else None)
    return {**head, "spec": spec}


def gateway_network(servers: Iterable[str], settings: Settings) -> Manifest:
    """Return a NetworkPolicy with the services that the gateway calls."""
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": [*servers]}]}
    return {
        **manifest(VERSION, KIND, "public-methods", settings.gateway_namespace),
        "spec": {
            "podSelector": {"matchLabels": OneLine({**settings.gateway_selector})},
            "policyTypes": OneLine(["Egress"]),
            "egress": [
                {
                    "to": [{**_namespace(settings.namespace), "podSelector": selector}],
                    "ports": _ports(settings.port),
                }
            ],
        },
    }


def _egress(callees: list[str], declared: Declaration, settings: Settings) -> Iterator[Any]:
    if declared.owns:
        comment = "Its database. The addresses are those of the installation."
        yield Noted(comment, {"ports": _ports(settings.database_port)})
    if declared.emits or declared.consumes:
        yield Noted("The event broker.", {"ports": _ports(settings.events_port)})
    if callees:
        yield {"to": list(_pods(callees)), "ports": _ports(settings.port)}


def _ports(port: int) -> list[dict[str, int]]:
    return [{"port": port}]


def _namespace(name: str) -> dict[str, OneLine]:
    return {"namespaceSelector": _labels({"kubernetes.io/metadata.name": name})}


def _pods(services: Iterable[str]) -> Iterator[dict[str, OneLine]]:
    yield from ({"podSelector": _labels({"app": service})} for service in services)


def _labels(labels: dict[str, str]) -> OneLine:
    return OneLine({"matchLabels": labels})
