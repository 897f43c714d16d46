"""NetworkPolicies: which Pods a service may exchange packets with.

They repeat on the network what the other resources say to the proxies, because a Pod without a proxy obeys none of
those. They select only Pods with a sidecar: Istio adds the label SIDECAR to a Pod when it injects one.
"""

from collections.abc import Iterable, Iterator

from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.destinations import labels
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.settings import Settings

SIDECAR = "security.istio.io/tlsMode: istio"


def service_network(graph: Graph, declared: Declaration, settings: Settings) -> Iterator[str]:
    """Yield the lines of a service's NetworkPolicy; none if it exchanges no packets."""
    methods = graph.own(declared)
    callers = sorted({caller for method in methods for caller in graph.callers[method.name]})
    is_public = any(method.public for method in methods)
    callees = graph.callees(declared)
    if not (callers or is_public or labels(declared)):
        return
    yield from _head(declared.service, settings.namespace)
    if labels(declared):
        yield f"  labels: {{{labels(declared)}}}"
    yield "spec:"
    yield "  podSelector:"
    yield f"    matchLabels: {{app: {declared.service}, {SIDECAR}}}"
    yield "  policyTypes: [Ingress, Egress]"
    if callers or is_public:
        yield "  ingress:"
        yield "    - from:"
        if is_public:
            yield f"        - namespaceSelector: {_namespace(settings.gateway_namespace)}"
            yield f"          podSelector: {{matchLabels: {settings.gateway_selector}}}"
        yield from _pods(callers)
        yield f"      ports: [{{port: {settings.port}}}]"
    yield from _egress(callees, declared, settings)


def gateway_network(servers: Iterable[str], settings: Settings) -> Iterator[str]:
    """Yield the lines of a NetworkPolicy with the services that the gateway calls."""
    yield from _head("public-methods", settings.gateway_namespace)
    yield "spec:"
    yield "  podSelector:"
    yield f"    matchLabels: {settings.gateway_selector}"
    yield "  policyTypes: [Egress]"
    yield "  egress:"
    yield "    - to:"
    yield f"        - namespaceSelector: {_namespace(settings.namespace)}"
    yield f"          podSelector: {{matchExpressions: [{{key: app, operator: In, values: [{', '.join(servers)}]}}]}}"
    yield f"      ports: [{{port: {settings.port}}}]"


def _egress(callees: list[str], declared: Declaration, settings: Settings) -> Iterator[str]:
    if not labels(declared):
        return
    yield "  egress:"
    if declared.owns:
        yield "    # Its database. The addresses are those of the installation."
        yield f"    - ports: [{{port: {settings.database_port}}}]"
    if declared.emits or declared.consumes:
        yield "    # The event broker."
        yield f"    - ports: [{{port: {settings.events_port}}}]"
    if callees:
        yield "    - to:"
        yield from _pods(callees)
        yield f"      ports: [{{port: {settings.port}}}]"


def _head(name: str, namespace: str) -> Iterator[str]:
    yield "apiVersion: networking.k8s.io/v1"
    yield "kind: NetworkPolicy"
    yield "metadata:"
    yield f"  name: {name}"
    yield f"  namespace: {namespace}"


def _namespace(name: str) -> str:
    return f"{{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}"


def _pods(services: Iterable[str]) -> Iterator[str]:
    yield from (f"        - podSelector: {{matchLabels: {{app: {service}}}}}" for service in services)
