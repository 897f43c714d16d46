"""The addresses and paths of an instance. Two instances share none of them.

Linux accepts connections on all of 127.0.0.0/8 without setup. Each instance gets one /16 of it, so every component
listens on its well-known port:

    127.X.0.1      the node: etcd, API server, scheduler, controller manager, istiod, Kafka, the kubelet's API
    127.X.0.2      the ingress gateway (the gateway of the instance `default` is on 127.0.0.1)
    127.X.1-99.N   Pod addresses (`status.podIP`)
    127.X.129+.N   egress addresses: the app in the Pod connects there, and its sidecar listens
"""

import socket
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
FIRST_PREFIX = 20
"""The second byte of the first instance's addresses."""
MAX_PODS = 200
"""Pods per instance. Each has one Pod address, one egress address and one Envoy admin port."""
FIRST_ADMIN_PORT = 20_000
"""pilot-agent reaches Envoy's admin port on 127.0.0.1 only, which all instances share: the ports must differ."""
TLS_PORT_OFFSET = 8443 - 8080
NODE_NAME = "mesh-0"
"""The name of the node, and so of the kubelet that the node agent implements."""

DEFAULT = "default"
"""The name of the mesh that commands use if the user names none."""


@dataclass(frozen=True)
class Instance:
    """A mesh's name, state folder, number (0 to 49) and gateway address."""

    name: str
    home: Path
    number: int
    gateway: str
    """`host:port` of the ingress gateway."""

    @property
    def option(self) -> str:
        """The option that names it on the command line, after a space; empty for the default."""
        return "" if self.name == DEFAULT else f" -i {self.name}"

    @property
    def tls_gateway(self) -> str:
        """The `host:port` of the gateway's TLS listener: port 8443 when the plaintext port is 8080."""
        host, _, port = self.gateway.rpartition(":")
        return f"{host}:{int(port) + TLS_PORT_OFFSET}"

    @property
    def gateway_ca(self) -> Path:
        """The CA certificate (PEM) that verifies the gateway's certificate."""
        return self.pki / "gateway-ca.crt"

    @property
    def prefix(self) -> str:
        """The first two bytes of the instance's addresses."""
        return f"127.{FIRST_PREFIX + self.number}"

    @property
    def node_ip(self) -> str:
        """The address of the node, on which the control plane listens."""
        return f"{self.prefix}.0.1"

    @property
    def api_server(self) -> str:
        """The URL of the Kubernetes API server."""
        return f"https://{self.node_ip}:6443"

    def pod_ip(self, slot: int) -> str:
        """Return the address of the Pod in a slot."""
        return f"{self.prefix}.{1 + slot // 100}.{1 + slot % 100}"

    def slot_of(self, pod_ip: str) -> int | None:
        """Return the slot of a Pod's address; None if it is no Pod's address."""
        return next((slot for slot in range(MAX_PODS) if self.pod_ip(slot) == pod_ip), None)

    def egress_ip(self, slot: int) -> str:
        """Return the address to which the app in a slot connects for its outbound calls."""
        return f"{self.prefix}.{129 + slot // 100}.{1 + slot % 100}"

    def admin_port(self, slot: int) -> int:
        """Return the port on 127.0.0.1 of a slot's Envoy admin API."""
        return FIRST_ADMIN_PORT + self.number * MAX_PODS + slot

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig (mode 0600)."""
        return self.home / "kubeconfig"

    @property
    def pods(self) -> Path:
        """The folder with one folder per Pod, which is the working directory of the Pod's processes."""
        return self.home / "pods"

    @property
    def root(self) -> Path:
        """The folder that hostPath volumes see as the node's root file system."""
        return self.home / "node"

    @property
    def pki(self) -> Path:
        """The folder of keys, certificates and tokens."""
        return self.root / "etc/kubernetes/pki"

    @property
    def agent(self) -> Path:
        """The working directory of the node agent."""
        return self.home / "agent"

    @property
    def agent_log(self) -> Path:
        """The log of the node agent."""
        return self.home / "agent.log"


def port_in_use(host: str, port: int) -> bool:
    """Return whether a process listens on a port, on this address or on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
