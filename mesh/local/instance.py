"""One local mesh: its name, its folder, its loopback addresses. Two instances share nothing.

Linux answers on all of 127.0.0.0/8 without any set-up, so each instance gets a /16 of its own, and every component in
it listens on its well-known port:

    127.X.0.1      the node: etcd, the API server, the scheduler, the controller manager, istiod, the kubelet's API
    127.X.0.2      the ingress gateway (the default instance's is on 127.0.0.1)
    127.X.1-99.N   Pod addresses (`status.podIP`)
    127.X.129+.N   what the app in the Pod dials: its sidecar's egress listeners
"""

import json
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from mesh.local import reservations
from mesh.local.errors import MeshError
from mesh.local.reservations import Reservations

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_PREFIX, INSTANCES = 20, 50
MAX_NAME_LENGTH = 63
PODS = 200
"""Pods per instance: each takes one Pod address, one egress address and one admin port."""
ADMIN_PORTS = 20_000
"""First of Envoy's admin ports. pilot-agent reaches them on 127.0.0.1 alone, which all instances share."""
TLS_OFFSET = 8443 - 8080
NODE = "mesh-0"
"""The node's name, and so the name of the kubelet that the agent plays."""

_CLAIMS: list[socket.socket] = []
"""Held until this process ends: by then what it has started listens."""


@dataclass(frozen=True)
class Instance:
    """A mesh's name, state folder, number (0 to 49) and gateway port."""

    name: str
    home: Path
    number: int
    gateway: str
    """`host:port` of the ingress gateway."""

    @property
    def tls_gateway(self) -> str:
        """`host:port` at which it speaks TLS: 8443 beside 8080."""
        host, _, port = self.gateway.rpartition(":")
        return f"{host}:{int(port) + TLS_OFFSET}"

    @property
    def gateway_authority(self) -> Path:
        """Who vouches for the gateway's certificate."""
        return self.pki / "gateway-ca.crt"

    @property
    def prefix(self) -> str:
        """The instance's /16: the first two bytes."""
        return f"127.{FIRST_PREFIX + self.number}"

    @property
    def node_ip(self) -> str:
        """Where the control plane listens."""
        return f"{self.prefix}.0.1"

    @property
    def api_server(self) -> str:
        """The API server's URL."""
        return f"https://{self.node_ip}:6443"

    def pod_ip(self, slot: int) -> str:
        """A Pod's address."""
        return f"{self.prefix}.{1 + slot // 100}.{1 + slot % 100}"

    def egress_ip(self, slot: int) -> str:
        """Where a Pod's app dials out."""
        return f"{self.prefix}.{129 + slot // 100}.{1 + slot % 100}"

    def admin_port(self, slot: int) -> int:
        """A Pod's Envoy admin port on 127.0.0.1."""
        return ADMIN_PORTS + self.number * PODS + slot

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig (0600)."""
        return self.home / "kubeconfig"

    @property
    def pods(self) -> Path:
        """One folder per Pod: the working directory of its processes."""
        return self.home / "pods"

    @property
    def root(self) -> Path:
        """The node's root file system, as far as hostPath volumes see it."""
        return self.home / "node"

    @property
    def pki(self) -> Path:
        """Keys, certificates and tokens."""
        return self.root / "etc/kubernetes/pki"

    @property
    def agent(self) -> Path:
        """The node agent's working directory."""
        return self.home / "agent"

    @property
    def agent_log(self) -> Path:
        """The node agent's log."""
        return self.home / "agent.log"


def state_home() -> Path:
    """`$MESH_STATE_HOME`, else `$XDG_STATE_HOME/grpc-mesh`, else `~/.local/state/grpc-mesh`; without symbolic links."""
    if override := os.environ.get("MESH_STATE_HOME"):
        return Path(override).resolve()
    return (Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "grpc-mesh").resolve()


def existing(name: str) -> Instance | None:
    """The instance of that name if it was ever started (and not cleaned since)."""
    home = state_home() / name
    try:
        saved = json.loads((home / "instance.json").read_text())
    except FileNotFoundError:
        return None
    return Instance(name, home, saved["number"], saved["gateway"])


def create(name: str, gateway_port: int | None = None) -> Instance:
    """Load the instance, or choose its addresses and make its folder (0700: it holds keys and tokens).

    The `default` instance's gateway listens on 127.0.0.1:8080, any other's on its own address.

    Raises:
        MeshError: the name cannot be one, or no addresses are left, or another instance has this one's.
    """
    if not name.replace("-", "").isalnum() or len(name) > MAX_NAME_LENGTH:
        raise MeshError(
            f"'{name}' cannot name a mesh",
            why=f"a name is letters, digits and dashes, {MAX_NAME_LENGTH} at most",
            fix="choose another --instance",
        )
    home = state_home() / name
    with reservations.locked() as reserved:
        found = existing(name)
        number = _own_number(reserved, found) if found else _free_number(reserved)
        reserved.reserve(number, home)
        if found and not gateway_port:
            return found
        host = "127.0.0.1" if name == "default" else f"127.{FIRST_PREFIX + number}.0.2"
        instance = Instance(name, home, number, f"{host}:{gateway_port or 8080}")
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = home / ".instance.partial"
        partial.write_text(json.dumps({"number": number, "gateway": instance.gateway}))
        partial.rename(home / "instance.json")
    return instance


def remove(instance: Instance) -> None:
    """Remove the instance's folder; its number is free from then on."""
    shutil.rmtree(instance.home, ignore_errors=True)
    with reservations.locked() as reserved:
        reserved.release(instance.number, instance.home)


def all_instances() -> list[Instance]:
    """Every instance that has a folder under the state home."""
    names = sorted(path.parent.name for path in state_home().glob("*/instance.json"))
    return [instance for name in names if (instance := existing(name))]


def _own_number(reserved: Reservations, instance: Instance) -> int:
    """The number of an existing instance. Its record may be missing: temporary folders are cleaned now and then."""
    holder = reserved.holder(instance.number)
    if holder not in {None, instance.home}:
        raise MeshError(
            f"the addresses of mesh '{instance.name}' ({instance.prefix}.*) are another mesh's",
            why=f"the mesh in {holder} has them",
            fix="`mesh down --purge` one of the two",
        )
    _claim(instance.number)
    return instance.number


def _free_number(reserved: Reservations) -> int:
    taken = {instance.number for instance in all_instances()}
    for number in range(INSTANCES):
        if number not in taken and not reserved.holder(number) and _claim(number):
            return number
    raise MeshError(
        "no address range is left for another mesh",
        why=f"{INSTANCES} instances exist",
        fix="`mesh down --purge` one of them",
    )


def _claim(number: int) -> bool:
    """Take the range, unless somebody has it: other users' meshes are known only by their sockets."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0grpc-mesh/{number}")
    except OSError:  # one that is about to start
        claim.close()
        return False
    _CLAIMS.append(claim)
    return not any(port_in_use(f"127.{FIRST_PREFIX + number}.0.1", port) for port in (2379, 6443))


def port_in_use(host: str, port: int) -> bool:
    """Whether somebody listens there (on that address or on all)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
