"""Manifests of what the benchmark adds to the mesh, in a separate namespace."""

from typing import Any

NAMESPACE = "bench"
ROLLOUT_TIMEOUT = "--timeout=120s"
"""An option of `kubectl rollout status`."""


def namespace() -> dict[str, Any]:
    """Return the manifest of the namespace of the benchmark, in which every Pod gets a sidecar."""
    metadata = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def resource(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a resource in the namespace of the benchmark."""
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def deployment(
    name: str, command: list[str], labels: dict[str, str] | None = None, image: str = "grpc-mesh/services:dev"
) -> dict[str, Any]:
    """Return a Deployment of one Pod with a sidecar. With the default image, its app is a command in this Python."""
    port = {"name": "grpc", "containerPort": 50051}
    container = {"name": "app", "image": image, "command": command, "ports": [port]}
    annotations = {"sidecar.istio.io/interceptionMode": "NONE", "sidecar.istio.io/rewriteAppHTTPProbers": "false"}
    template = {
        "metadata": {"labels": {"app": name, **(labels or {})}, "annotations": annotations},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    return resource("apps/v1", "Deployment", name, {"selector": {"matchLabels": {"app": name}}, "template": template})
