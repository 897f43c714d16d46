"""Istio resources and workloads that tests apply temporarily."""

import copy
from typing import Any

from tests.mesh.harness import Manifest

CATALOG = "catalog.shop.svc.cluster.local"
NETWORKING = "networking.istio.io/v1"
DEPLOYER = ("--as=deployer", "--as-group=shop-deployers", "--as-group=system:authenticated")
"""Options of kubectl: act as someone who may deploy the shop (mesh/kubernetes/platform/deployers.yaml)."""


def gateway_route(host: str, **rule: Any) -> Manifest:  # noqa: ANN401 - a part of a VirtualService
    """Build a route from a separate host at the public gateway to catalog, with a rule (fault, timeout, …).

    Calls to other hosts still use the generated routes.
    """
    route = {"route": [{"destination": {"host": CATALOG}}], "retries": {"attempts": 0}} | rule
    metadata = {"name": host.replace(".", "-"), "namespace": "shop"}
    spec = {"hosts": [host], "gateways": ["shop-ingress/public"], "http": [route]}
    return {"apiVersion": NETWORKING, "kind": "VirtualService", "metadata": metadata, "spec": spec}


def callee_fault(labels: dict[str, str], name: str = "callee-fault", **fault: Any) -> Manifest:  # noqa: ANN401 - a part of Envoy's HTTPFault
    """Build a fault in the proxies of the *callee*. Callers see it as a response of the service, and may retry it.

    The fault of a VirtualService, in contrast, is in the caller's proxy, where retries do not apply. An open connection
    keeps its old filters for one more call, and is then closed.
    """
    type_url = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
    router = {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": {"name": "envoy.filters.http.router"},
    }
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": router}}},
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {"name": name, "typed_config": {"@type": type_url} | fault},
        },
    }
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"workloadSelector": {"labels": labels}, "configPatches": [patch]},
    }


def only_marked_calls(mark: str) -> dict[str, Any]:
    """Return the condition that limits a fault to calls with a certain x-fault header."""
    return {"headers": [{"name": "x-fault", "string_match": {"exact": mark}}]}


def percent(share: int) -> dict[str, Any]:
    """Return a percentage as Envoy's FractionalPercent."""
    return {"numerator": share, "denominator": "HUNDRED"}


def second_deployment(deployment: Manifest, **labels: str) -> Manifest:
    """Build a second Deployment for the same Service, whose Pods have additional labels."""
    spec = copy.deepcopy(deployment["spec"])
    spec["selector"]["matchLabels"] |= labels
    spec["template"]["metadata"]["labels"] |= labels
    metadata = {"name": f"{deployment['metadata']['name']}-twin", "namespace": deployment["metadata"]["namespace"]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def stranger() -> list[Manifest]:
    """Build a workload in the mesh that no policy allows anything. Its Sidecar includes catalog and payments."""
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
    """Build a Deployment of one Pod that does nothing, with a ServiceAccount. Tests call through its sidecar."""
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
