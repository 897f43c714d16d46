"""A Pod's place on this node: its folder, its slot, and the addresses that follow from them."""

from dataclasses import dataclass
from pathlib import Path

from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from mesh.local.instance import MAX_PODS, Instance

POD_LABEL = "mesh.local/pod"
"""A label that only one Pod carries, so that a Sidecar can select it alone."""


SOCKET = Path("run/app.sock")
"""The Unix socket between app and sidecar, from the Pod's folder: a socket's absolute path could be too long."""


class NodeFullError(Exception):
    """Every Pod address of this node is taken."""


@dataclass(frozen=True)
class Sandbox:
    """Where a Pod lives.

    The folder is the working directory of all of its containers and stands for their root file system: the manifest's
    `/data` is `data` here. Unlike on a cluster, the containers of one Pod see each other's files.
    """

    instance: Instance
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
        """`status.podIP`; the node's own address for a Pod with hostNetwork."""
        return self.instance.node_ip if self.spec.hostNetwork else self.instance.pod_ip(self.slot)

    @property
    def egress(self) -> str:
        """Where the app dials out: an address of this Pod's own on which its sidecar listens."""
        return self.instance.egress_ip(self.slot)

    @property
    def admin_port(self) -> int:
        """Envoy's admin port on 127.0.0.1."""
        return self.instance.admin_port(self.slot)

    @property
    def sidecars(self) -> list[Container]:
        """Init containers that run as long as the Pod does (restartPolicy Always)."""
        return [container for container in self.spec.initContainers or [] if container.restartPolicy == "Always"]

    @property
    def proxied(self) -> bool:
        """Whether Istio injected a proxy: a sidecar, or a gateway."""
        return self._proxy is not None

    @property
    def meshed(self) -> bool:
        """Whether Istio injected a sidecar."""
        return self._proxy is not None and "sidecar" in (self._proxy.args or [])

    @property
    def _proxy(self) -> Container | None:
        return next((c for c in [*self.spec.containers, *self.sidecars] if c.name == "istio-proxy"), None)


def place(instance: Instance, pod: Pod) -> Sandbox:
    """The Pod's sandbox: the one it had before, as long as its folder stands, else one with the lowest free slot.

    Raises:
        NodeFullError: no slot is free.
    """
    if not pod.metadata or not pod.spec:
        raise ValueError("a Pod without metadata or spec cannot be placed")
    folder = instance.pods / str(pod.metadata.uid)
    saved = folder / "slot"
    if not saved.exists():
        taken = {int(path.read_text()) for path in instance.pods.glob("*/slot")}
        free = next((slot for slot in range(MAX_PODS) if slot not in taken), None)
        if free is None:
            raise NodeFullError(f"all {MAX_PODS} Pod addresses of this node are taken")
        folder.mkdir(parents=True, exist_ok=True)
        saved.write_text(str(free))
    return Sandbox(instance, pod.metadata, pod.spec, folder, int(saved.read_text()))
