"""How a Pod joins the mesh: a WorkloadEntry while it is ready, and a Sidecar with listeners on its loopback addresses.

On a cluster, endpoints come from EndpointSlices, which reject loopback addresses, and iptables captures the traffic,
which needs root. Here a WorkloadEntry is the endpoint, and each Pod has a separate Sidecar that listens on the Pod's
addresses. Its egress hosts, limits and outbound policy come from the cluster's Sidecar that selects the Pod. The agent
reads that one, and istiod ignores it (mesh/local/platform/sidecars.yaml).
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import httpx2
from lightkube import ALL_NS, AsyncClient
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from mesh.local.agent.images import GRPC_PORT
from mesh.local.agent.sandbox import POD_LABEL, SOCKET, Sandbox

WorkloadEntry = create_namespaced_resource("networking.istio.io", "v1", "WorkloadEntry", "workloadentries")
Sidecar = create_namespaced_resource("networking.istio.io", "v1", "Sidecar", "sidecars")
FIELD_MANAGER = "node-agent"
COPIED = ("inboundConnectionPool", "outboundTrafficPolicy")
"""Fields of the cluster's Sidecar that each Pod's own gets as well."""
WORKING_DIRECTORY = "/proc/self/cwd"
"""Envoy's working directory is the Pod's folder. Istio accepts absolute paths only."""


def _meta(sandbox: Sandbox, labels: dict[str, str]) -> ObjectMeta:
    return ObjectMeta(name=sandbox.name, namespace=sandbox.namespace, labels=labels | {POD_LABEL: sandbox.name})


async def publish(client: AsyncClient, sandbox: Sandbox) -> None:
    """Add the Pod as an endpoint of the Services that select its labels."""
    labels = sandbox.meta.labels or {}
    ports = {p.name: p.containerPort for c in sandbox.spec.containers for p in c.ports or [] if p.name}
    spec = {"address": sandbox.ip, "ports": ports, "labels": labels}
    if sandbox.meshed:
        # Callers then expect mutual TLS with this identity.
        spec["serviceAccount"] = sandbox.spec.serviceAccountName or "default"
    meta = _meta(sandbox, labels)
    meta.ownerReferences = [OwnerReference(apiVersion="v1", kind="Pod", name=sandbox.name, uid=sandbox.uid)]
    await client.apply(WorkloadEntry(metadata=meta, spec=spec), field_manager=FIELD_MANAGER, force=True)


async def withdraw(client: AsyncClient, sandbox: Sandbox) -> None:
    """Remove the Pod from its Services, if it is in them."""
    await _delete(client, WorkloadEntry, sandbox.namespace, sandbox.name)


async def delete_sidecar(client: AsyncClient, sandbox: Sandbox) -> None:
    """Delete the Sidecar of a Pod whose containers have ended."""
    await _delete(client, Sidecar, sandbox.namespace, sandbox.name)


async def delete_orphans(client: AsyncClient, pods: Iterable[Pod]) -> None:
    """Delete the Sidecars of Pods that were deleted while no agent ran. `pods` are the existing Pods.

    Kubernetes does not do this, because a Sidecar has no owner. A foreground deletion of a Deployment would delete what
    its Pods own first, and a proxy would lose its listeners while calls are in flight.
    """
    try:
        sidecars = [sidecar async for sidecar in client.list(Sidecar, namespace=ALL_NS) if is_ours(sidecar)]
    except httpx2.HTTPStatusError as error:
        # Istio's CRDs do not exist yet. The response of an unknown API is no ApiError, because it is not JSON.
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return
    for namespace, name in {_key(sidecar) for sidecar in sidecars} - {_key(pod) for pod in pods}:
        await _delete(client, Sidecar, namespace, name)


def _key(resource: Pod | GenericNamespacedResource) -> tuple[str, str]:
    meta = resource.metadata or ObjectMeta()
    return str(meta.namespace), str(meta.name)


async def _delete(client: AsyncClient, resource: type[GenericNamespacedResource], namespace: str, name: str) -> None:
    try:
        await client.delete(resource, name, namespace=namespace)
    except httpx2.HTTPStatusError as error:
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise


async def label(client: AsyncClient, sandbox: Sandbox) -> None:
    """Label the Pod for its Sidecar, and turn off pilot-agent's status server, which would listen on all addresses."""
    metadata = {"labels": {POD_LABEL: sandbox.name}, "annotations": {"status.sidecar.istio.io/port": "0"}}
    await client.patch(
        Pod, sandbox.name, {"metadata": metadata}, namespace=sandbox.namespace, patch_type=PatchType.MERGE
    )
    for field, pairs in metadata.items():
        setattr(sandbox.meta, field, (getattr(sandbox.meta, field) or {}) | pairs)


async def apply_sidecar(client: AsyncClient, sandbox: Sandbox) -> None:
    """Apply the Sidecar of a Pod: an inbound listener on the Pod's address, an outbound one on its egress address.

    It is written only if it differs, because a write needs istiod's webhook. When a mesh starts again, istiod is not
    ready yet, and the Sidecar is the same.
    """
    sidecars = [sidecar async for sidecar in client.list(Sidecar, namespace=sandbox.namespace)]
    spec = _spec(sandbox, _declared(sidecars, sandbox))
    if not any(_key(found) == (sandbox.namespace, sandbox.name) and found["spec"] == spec for found in sidecars):
        await client.apply(Sidecar(metadata=_meta(sandbox, {}), spec=spec), field_manager=FIELD_MANAGER, force=True)


def _spec(sandbox: Sandbox, declared: dict[str, Any]) -> dict[str, Any]:
    """Return the specification of a Pod's Sidecar, with what the cluster's `declared` one says.

    Hosts that it declares with a port have a separate listener, as on a cluster. All others are gRPC services.
    """
    grpc = {"number": GRPC_PORT, "protocol": "GRPC", "name": "grpc"}
    http = {"number": sandbox.http_port, "protocol": "HTTP", "name": "http"}
    app = {"captureMode": "NONE", "port": http if sandbox.http_port else grpc}
    egress = declared.get("egress", [{"hosts": ["./*"]}])
    hosts = [host for each in egress if "port" not in each for host in each["hosts"]] or ["~/*"]
    others = [{"captureMode": "NONE", "bind": sandbox.egress, **each} for each in egress if "port" in each]
    return {
        "workloadSelector": {"labels": {POD_LABEL: sandbox.name}},
        "ingress": [app | {"bind": sandbox.ip, "defaultEndpoint": f"unix://{WORKING_DIRECTORY}/{SOCKET}"}],
        "egress": [{"captureMode": "NONE", "port": grpc, "bind": sandbox.egress, "hosts": hosts}, *others],
        **{name: declared[name] for name in COPIED if name in declared},
    }


def _declared(sidecars: Iterable[GenericNamespacedResource], sandbox: Sandbox) -> dict[str, Any]:
    """Return the specification of the cluster's Sidecar that selects this Pod; empty if there is none."""
    labels = (sandbox.meta.labels or {}).items()
    declared: dict[str, Any] = {}
    best = -1
    for sidecar in sidecars:
        if is_ours(sidecar):
            continue
        selector = (sidecar["spec"].get("workloadSelector") or {}).get("labels", {})
        if selector.items() <= labels and len(selector) > best:
            best = len(selector)
            declared = sidecar["spec"]
    return declared


def is_ours(sidecar: GenericNamespacedResource) -> bool:
    """Return whether `apply_sidecar` has created it."""
    return POD_LABEL in ((sidecar.metadata or ObjectMeta()).labels or {})
