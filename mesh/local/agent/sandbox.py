"""A Pod on this node: its folder, its slot, and the addresses that follow from the slot."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod
from lightkube.utils.quantity import parse_quantity

from mesh.local import files
from mesh.local.instance import MAX_PODS, Instance

POD_LABEL = "mesh.local/pod"
"""A label that only one Pod has, so that a Sidecar can select this Pod only."""

PUBLISHED_LABEL = "mesh.local/published"
"""A label with which a Pod without a sidecar becomes an endpoint of the Services that select it."""

DEFAULT_GRACE_SECONDS = 30.0
SMALL_REQUEST = Decimal("0.001")
"""Cores."""

SOCKET = Path("run/app.sock")
"""The Unix socket between app and sidecar. Relative to the Pod's folder: an absolute path could be too long."""


class NodeFullError(Exception):
    """Every Pod address of this node is in use."""


@dataclass(frozen=True)
class Sandbox:
    """A Pod with its folder and addresses.

    The folder is the working directory of its containers and replaces their root file system: `/data` in the manifest
    is `data` here. Unlike on a cluster, the containers of one Pod see each other's files.
    """

    mesh: Instance
    meta: ObjectMeta
    spec: PodSpec
    folder: Path
    slot: int

    @property
    def name(self) -> str:
        """The Pod's name."""
        return self.meta.name or ""

    @property
    def namespace(self) -> str:
        """The Pod's namespace."""
        return self.meta.namespace or ""

    @property
    def uid(self) -> str:
        """The Pod's uid: `static-<name>` for a static Pod."""
        return self.meta.uid or ""

    @property
    def ip(self) -> str:
        """The `status.podIP`: the node's address for a Pod with hostNetwork."""
        return self.mesh.node_ip if self.spec.hostNetwork else self.mesh.pod_ip(self.slot)

    @property
    def egress(self) -> str:
        """The address to which the app connects for its outbound calls. The Pod's sidecar listens there."""
        return self.mesh.egress_ip(self.slot)

    @property
    def http_port(self) -> int | None:
        """The port of an app that speaks HTTP, by its name in the manifest; None for a gRPC service."""
        ports = (port for container in self.spec.containers for port in container.ports or [])
        return next((port.containerPort for port in ports if port.name == "http"), None)

    @property
    def admin_port(self) -> int:
        """The port of Envoy's admin API on 127.0.0.1."""
        return self.mesh.admin_port(self.slot)

    @property
    def grace_seconds(self) -> float:
        """The time between SIGTERM and SIGKILL, unless a deletion says otherwise."""
        seconds = self.spec.terminationGracePeriodSeconds
        return DEFAULT_GRACE_SECONDS if seconds is None else seconds

    @property
    def sidecars(self) -> list[Container]:
        """The init containers with restartPolicy Always, which run as long as the Pod."""
        return [container for container in self.spec.initContainers or [] if container.restartPolicy == "Always"]

    @property
    def gives_way(self) -> bool:
        """Whether it requests so little processor time (1m) that a kubelet would give it a small share."""
        resources = [c.resources for c in [*self.spec.containers, *self.sidecars]]
        requests = [r.requests["cpu"] for r in resources if r and r.requests and "cpu" in r.requests]
        return bool(requests) and sum(parse_quantity(request) or 0 for request in requests) <= SMALL_REQUEST

    @property
    def proxied(self) -> bool:
        """Whether Istio injected a proxy: a sidecar, or a gateway."""
        return self._proxy is not None

    @property
    def meshed(self) -> bool:
        """Whether Istio injected a sidecar."""
        return self._proxy is not None and "sidecar" in (self._proxy.args or [])

    @property
    def published(self) -> bool:
        """Whether Services lead to it. A Pod without a sidecar asks for it: a WorkloadEntry needs istiod's webhook."""
        return self.meshed or PUBLISHED_LABEL in (self.meta.labels or {})

    @property
    def _proxy(self) -> Container | None:
        return next((c for c in [*self.spec.containers, *self.sidecars] if c.name == "istio-proxy"), None)


def place(mesh: Instance, pod: Pod) -> Sandbox:
    """Return the Pod's sandbox. If the Pod has a folder already, it keeps its slot; else it gets the next free one.

    The slots are given in turn: who still knows the address of a Pod that has ended finds no other Pod there.

    Raises:
        NodeFullError: no slot is free.
    """
    if not pod.metadata or not pod.spec:
        raise ValueError("a Pod without metadata or spec has no sandbox")
    folder = mesh.pods / str(pod.metadata.uid)
    slot, last = _read_slot(folder / "slot"), mesh.home / "last-slot"
    if slot is None:
        used = {_read_slot(other / "slot") for other in mesh.pods.glob("*")}
        # A crash may have cut the file short: the running Pod keeps the address that it has reported.
        free = [mesh.slot_of(str(pod.status.podIP))] if pod.status else []
        before = _read_slot(last)
        first = 0 if before is None else before + 1
        free += [number % MAX_PODS for number in range(first, first + MAX_PODS) if number % MAX_PODS not in used]
        slot = next((number for number in free if number is not None), None)
        if slot is None:
            raise NodeFullError(f"all {MAX_PODS} Pod addresses of this node are in use")
        folder.mkdir(parents=True, exist_ok=True)
        files.replace(folder / "slot", str(slot))
        files.replace(last, str(slot))
    return Sandbox(mesh, pod.metadata, pod.spec, folder, slot)


def _read_slot(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
