"""Sidecars: which services a workload may call, and how many calls one instance accepts."""

from tools.protoc_gen_istio.contracts import Contract
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.destinations import MAX_CONNECTIONS, MAX_STREAMS, tier
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.settings import Settings

NO_HOST = "~/*"


def sidecar(graph: Graph, declared: Declaration, settings: Settings) -> Manifest | None:
    """Return a service's Sidecar; None if the namespace's default Sidecar is enough."""
    callees, served, marks = graph.callees(declared), graph.served(declared), labels(declared)
    if not (callees or served or declared.consumes):
        return None
    hosts = [f"./{settings.host(callee)}" for callee in callees] or [NO_HOST]
    spec: Manifest = {"workloadSelector": {"labels": OneLine({"app": declared.service})}}
    if served:
        spec["inboundConnectionPool"] = _inbound(served)
    spec["outboundTrafficPolicy"] = Noted(
        "Unknown hosts are refused, even if the mesh allows them by default.", OneLine({"mode": "REGISTRY_ONLY"})
    )
    egress = {"hosts": [Noted(declared.file, hosts[0]), *hosts[1:]] if callees else hosts}
    spec["egress"] = [*([_collector(settings)] if settings.collector else []), egress]
    head = manifest(
        "networking.istio.io/v1",
        "Sidecar",
        declared.service,
        settings.namespace,
        labels=OneLine({**marks}) if marks else None,
    )
    return {**head, "spec": spec}


def labels(declared: Declaration) -> dict[str, str]:
    """Return the labels with which an installation selects who may reach its databases and its event broker."""
    uses = {
        "uses-database": declared.owns,
        "uses-events": declared.emits or declared.consumes,
        "uses-services": declared.calls,
    }
    return {label: "true" for label, names in uses.items() if names}


def _collector(settings: Settings) -> Noted:
    port = {"number": settings.collector_port, "protocol": "TCP", "name": "tcp-spans"}
    return Noted(
        """\
The collector of spans, of the proxy and of the app. As TCP, because an export is no call of the mesh: it gets
no span, no metric and no line in the log.""",
        {"port": OneLine(port), "hosts": [settings.collector_host]},
    )


def _inbound(served: list[Contract]) -> Noted:
    calls = tier(served).value
    streams = MAX_STREAMS if any(method.stream for contract in served for method in contract.methods) else 0
    limits = f"{calls} calls{f' and {streams} streams' if streams else ''}"
    return Noted(
        f"What one instance accepts from all callers together: {limits}. Its own proxy rejects more.",
        {
            "tcp": OneLine({"maxConnections": MAX_CONNECTIONS}),
            "http": OneLine({"http2MaxRequests": calls + streams}),
        },
    )
