"""Checks that the ports of a mesh are free before it starts, and names the process that uses one."""

import psutil

from mesh.local.errors import MeshError
from mesh.local.instance import Instance, port_in_use

NODE_PORTS = {
    2379: "etcd",
    6443: "kube-apiserver",
    15012: "istiod",
    9092: "Kafka",
    9093: "Kafka",
    10250: "the node agent",
    4317: "the Collector",
    4318: "the Collector",
    8888: "the Collector",
    13133: "the Collector",
    9411: "Zipkin",
    8428: "VictoriaMetrics",
    8880: "vmalert",
    9428: "VictoriaLogs",
}
ALL_ADDRESSES = {"0.0.0.0", "::"}  # noqa: S104  # compared with, not listened on


def check(mesh: Instance) -> None:
    """Check that no other process uses a port of the mesh.

    Raises:
        MeshError: a port is in use.
    """
    gateways = [address.rpartition(":") for address in (mesh.gateway, mesh.tls_gateway)]
    for host, _, port in gateways:
        _check(host, int(port), "the gateway", fix="stop that process, or `mesh up --gateway-port PORT`")
    for number, name in NODE_PORTS.items():
        _check(mesh.node_ip, number, name, fix="stop that process, or use another --instance")


def _check(address: str, port: int, name: str, *, fix: str) -> None:
    if port_in_use(address, port):
        what = f"port {port} on {address} is in use, and {name} needs it"
        raise MeshError(what, why=_user_of(address, port), fix=fix)


def _user_of(address: str, port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.laddr.ip in {address, *ALL_ADDRESSES}
                and connection.pid
            ):
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()}) listens there"
    except psutil.Error:
        pass
    return "a process of another user listens there"
