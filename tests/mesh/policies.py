"""Istio resources that tests apply for a while."""

import copy
from typing import Any

from tests.mesh.harness import Manifest

CATALOG = "catalog.shop.svc.cluster.local"
NETWORKING = "networking.istio.io/v1"


def gateway_route(host: str, **rule: Any) -> Manifest:  # noqa: ANN401 - a part of a VirtualService
    """Route calls for a host of its own at the public gateway to catalog, under a rule (fault, timeout, …).

    The host keeps it apart: what the base says of all hosts goes on for everyone else.
    """
    route = {"route": [{"destination": {"host": CATALOG}}], "retries": {"attempts": 0}} | rule
    metadata = {"name": host.replace(".", "-"), "namespace": "shop"}
    spec = {"hosts": [host], "gateways": ["istio-ingress/public"], "http": [route]}
    return {"apiVersion": NETWORKING, "kind": "VirtualService", "metadata": metadata, "spec": spec}


def callee_fault(labels: dict[str, str], name: str = "callee-fault", **fault: Any) -> Manifest:  # noqa: ANN401 - a part of Envoy's HTTPFault
    """Put a fault into the proxies of the *callee*: callers see it as the service's own answer, and may retry it.

    A VirtualService's fault stands in the caller's proxy, in front of its retries. Connections that are open keep the
    filters that they began with, and are closed at the next call on each: that one does not see it yet.
    """
    kind = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
    router = {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": {"name": "envoy.filters.http.router"},
    }
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": router}}},
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": name, "typed_config": {"@type": kind} | fault},
        },
    }
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"workloadSelector": {"labels": labels}, "configPatches": [patch]},
    }


def only_marked_calls(mark: str) -> dict[str, Any]:
    """Have a fault befall only the calls with a mark in the header x-fault."""
    return {"headers": [{"name": "x-fault", "string_match": {"exact": mark}}]}


def percent(share: int) -> dict[str, Any]:
    """Envoy's FractionalPercent."""
    return {"numerator": share, "denominator": "HUNDRED"}


def second_deployment(deployment: Manifest, **labels: str) -> Manifest:
    """Make a second Deployment for the same Service, whose Pods carry labels of their own too."""
    spec = copy.deepcopy(deployment["spec"])
    spec["selector"]["matchLabels"] |= labels
    spec["template"]["metadata"]["labels"] |= labels
    metadata = {"name": f"{deployment['metadata']['name']}-twin", "namespace": deployment["metadata"]["namespace"]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def stranger() -> list[Manifest]:
    """Make a workload that the mesh knows and no policy lists; its own Sidecar lets it try catalog and payments."""
    metadata = {"name": "stranger", "namespace": "shop"}
    labels = {"app": "stranger"}
    hosts = [f"./{CATALOG}", "./payments.shop.svc.cluster.local"]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": NETWORKING,
            "kind": "Sidecar",
            "metadata": metadata,
            "spec": {"workloadSelector": {"labels": labels}, "egress": [{"hosts": hosts}]},
        },
        idle("stranger", "stranger", labels),
    ]


def idle(name: str, account: str, labels: dict[str, str]) -> Manifest:
    """Make a Deployment of one Pod that does nothing, under a service account; tests call through its sidecar."""
    container = {
        "name": "app",
        "image": "grpc-mesh/services:dev",
        "command": ["python", "-c", "import signal; signal.pause()"],
    }
    template = {
        "metadata": {"labels": labels, "annotations": {"sidecar.istio.io/interceptionMode": "NONE"}},
        "spec": {"serviceAccountName": account, "containers": [container], "terminationGracePeriodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
