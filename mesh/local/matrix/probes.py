"""Pods from which to call as each service. Their sidecars let them call every service, so that the callee decides."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mesh.local.clients.kubectl import NAMESPACE, Kubectl
from mesh.local.matrix.callers import STRANGER

APP = "matrix"
START_TIMEOUT_SECONDS = 90
Manifest = dict[str, Any]


@contextmanager
def probes(kubectl: Kubectl, identities: Sequence[str]) -> Iterator[dict[str, str]]:
    """Start a Pod for each ServiceAccount, yield ServiceAccount → the address of its outbound calls, and delete them.

    Raises:
        MeshError: a Pod did not start.
    """
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(_manifests(identities))})
    try:
        kubectl.run("apply", "-n", NAMESPACE, "-f", "-", stdin=manifests)
        yield {identity: _address(kubectl, identity) for identity in identities}
    finally:
        kubectl.run("delete", "-n", NAMESPACE, "--ignore-not-found", "--wait=false", "-f", "-", stdin=manifests)


def _manifests(identities: Sequence[str]) -> Iterator[Manifest]:
    labels = {"app": APP}
    yield {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": APP},
        "spec": {"workloadSelector": {"labels": labels}, "egress": [{"hosts": ["./*"]}]},
    }
    if STRANGER in identities:
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": STRANGER}}
    container = {
        "name": "app",
        "image": "grpc-mesh/services:dev",
        "command": ["python", "-c", "import signal; signal.pause()"],
    }
    for identity in identities:
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{APP}-{identity}",
                "labels": labels,
                "annotations": {"sidecar.istio.io/interceptionMode": "NONE"},
            },
            "spec": {
                "serviceAccountName": identity,
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1,
                "containers": [container],
            },
        }


def _address(kubectl: Kubectl, identity: str) -> str:
    """Wait until a Pod is ready, and return the address of its sidecar's outbound listener."""
    name = f"{APP}-{identity}"
    kubectl.run("wait", "-n", NAMESPACE, "--for=condition=Ready", f"pod/{name}", f"--timeout={START_TIMEOUT_SECONDS}s")
    [listener] = kubectl.get("sidecar", "-n", NAMESPACE, name)["spec"]["egress"]
    return f"{listener['bind']}:{listener['port']['number']}"
