"""What the mesh must know of a Pod: a WorkloadEntry while it is ready, a Sidecar that puts its listeners on loopback.

On a cluster, endpoints come from EndpointSlices (which refuse loopback addresses) and traffic is captured by iptables
(which needs root). Here a WorkloadEntry stands for the endpoint, and each Pod gets a Sidecar of its own that listens on
the Pod's addresses. Its egress hosts and limits are those of the cluster's own Sidecar that selects the Pod: the agent
reads that one, which istiod passes over (mesh/local/control_plane/sidecars.yaml).
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from lightkube import ALL_NS, ApiError, AsyncClient
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from mesh.local.agent.images import GRPC_PORT
from mesh.local.agent.sandbox import POD_LABEL, SOCKET, Sandbox

WorkloadEntry = create_namespaced_resource("networking.istio.io", "v1", "WorkloadEntry", "workloadentries")
Sidecar = create_namespaced_resource("networking.istio.io", "v1", "Sidecar", "sidecars")
MANAGER = "node-agent"
OWN_FOLDER = "/proc/self/cwd"
"""Envoy's own working directory, the Pod's folder: Istio takes absolute paths only."""


def _meta(sandbox: Sandbox, labels: dict[str, str]) -> ObjectMeta:
    return ObjectMeta(name=sandbox.name, namespace=sandbox.namespace, labels=labels | {POD_LABEL: sandbox.name})


async def publish(client: AsyncClient, sandbox: Sandbox) -> None:
    """Make the Pod an endpoint of the Services that select its labels."""
    labels = sandbox.meta.labels or {}
    ports = {p.name: p.containerPort for c in sandbox.spec.containers for p in c.ports or [] if p.name}
    spec = {
        "address": sandbox.ip,
        "ports": ports,
        "labels": labels,
        "serviceAccount": sandbox.spec.serviceAccountName or "default",
    }
    meta = _meta(sandbox, labels)
    meta.ownerReferences = [OwnerReference(apiVersion="v1", kind="Pod", name=sandbox.name, uid=sandbox.uid)]
    await client.apply(WorkloadEntry(metadata=meta, spec=spec), field_manager=MANAGER, force=True)


async def withdraw(client: AsyncClient, sandbox: Sandbox) -> None:
    """Take the Pod out of its Services. Nothing to take is fine."""
    await _delete(client, WorkloadEntry, sandbox.namespace, sandbox.name)


async def unlisten(client: AsyncClient, sandbox: Sandbox) -> None:
    """Take the Sidecar of a Pod away whose containers have ended."""
    await _delete(client, Sidecar, sandbox.namespace, sandbox.name)


async def sweep(client: AsyncClient, pods: Iterable[Pod]) -> None:
    """Take away what is left of Pods that were deleted while no agent ran; `pods` are those that are there.

    A Sidecar has no owner: whoever deletes a Deployment in the foreground has all that Pods own deleted first, and a
    proxy would lose its listeners while calls are under way.
    """
    try:
        left = [found async for found in client.list(Sidecar, namespace=ALL_NS) if is_own(found)]
    except ApiError as error:  # Istio's CRDs are not there yet
        if error.status.code != HTTPStatus.NOT_FOUND:
            raise
        return
    for namespace, name in {_place(each) for each in left} - {_place(pod) for pod in pods}:
        await _delete(client, Sidecar, namespace, name)


def _place(found: Pod | GenericNamespacedResource) -> tuple[str, str]:
    meta = found.metadata or ObjectMeta()
    return str(meta.namespace), str(meta.name)


async def _delete(client: AsyncClient, kind: type[GenericNamespacedResource], namespace: str, name: str) -> None:
    try:
        await client.delete(kind, name, namespace=namespace)
    except ApiError as error:
        if error.status.code != HTTPStatus.NOT_FOUND:
            raise


async def mark(client: AsyncClient, sandbox: Sandbox) -> None:
    """Label the Pod for its own Sidecar, and turn off pilot-agent's status server, which listens everywhere."""
    marks = {"labels": {POD_LABEL: sandbox.name}, "annotations": {"status.sidecar.istio.io/port": "0"}}
    await client.patch(Pod, sandbox.name, {"metadata": marks}, namespace=sandbox.namespace, patch_type=PatchType.MERGE)
    for kind, pairs in marks.items():
        setattr(sandbox.meta, kind, (getattr(sandbox.meta, kind) or {}) | pairs)


async def listen(client: AsyncClient, sandbox: Sandbox) -> None:
    """Give the Pod's sidecar its loopback listeners: inbound on the Pod's address, outbound on its egress address."""
    port = {"number": GRPC_PORT, "protocol": "GRPC", "name": "grpc"}
    loopback = {"captureMode": "NONE", "port": port}
    chosen = await _chosen(client, sandbox)
    hosts = [host for egress in chosen.get("egress", []) for host in egress["hosts"]] if chosen else ["./*"]
    spec: dict[str, Any] = {
        "workloadSelector": {"labels": {POD_LABEL: sandbox.name}},
        "ingress": [loopback | {"bind": sandbox.ip, "defaultEndpoint": f"unix://{OWN_FOLDER}/{SOCKET}"}],
        "egress": [loopback | {"bind": sandbox.egress, "hosts": hosts}],
    }
    if pool := chosen.get("inboundConnectionPool"):
        spec["inboundConnectionPool"] = pool
    await client.apply(Sidecar(metadata=_meta(sandbox, {}), spec=spec), field_manager=MANAGER, force=True)


async def _chosen(client: AsyncClient, sandbox: Sandbox) -> dict[str, Any]:
    """What the cluster's Sidecar for this Pod says; nothing without one."""
    labels = (sandbox.meta.labels or {}).items()
    chosen: dict[str, Any] = {}
    best = -1
    async for found in client.list(Sidecar, namespace=sandbox.namespace):
        if is_own(found):
            continue
        selector = (found["spec"].get("workloadSelector") or {}).get("labels", {})
        if selector.items() <= labels and len(selector) > best:
            best = len(selector)
            chosen = found["spec"]
    return chosen


def is_own(sidecar: GenericNamespacedResource) -> bool:
    """Whether it is one of those that `listen` writes."""
    return POD_LABEL in ((sidecar.metadata or ObjectMeta()).labels or {})
