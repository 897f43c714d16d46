"""One node in detail: its Pods, what they use, and its edges."""

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.local.clients.metrics import Sample, union
from mesh.local.console.topology.graph import Graph, NodeView
from mesh.local.console.topology.links import Link
from mesh.local.console.topology.structure import BROKER, NodeKind
from mesh.local.console.topology.workloads import Pod, Workload


@dataclass(frozen=True)
class PodView:
    """A Pod, and the memory of its processes in bytes as they report it. None: not reported."""

    pod: Pod
    app_bytes: int | None
    proxy_bytes: int | None


@dataclass(frozen=True)
class NodeDetail:
    """One node."""

    at: float
    live: bool
    node: NodeView
    pods: tuple[PodView, ...]
    links: tuple[Link, ...]


def expression(app: str) -> str:
    """Return the query (MetricsQL) for the memory of the processes of an app, by Pod."""
    memory = {"app": "process_resident_memory_bytes", "proxy": "envoy_server_memory_physical_size"}
    return union({name: f'sum by (pod) ({metric}{{app="{app}"}})' for name, metric in memory.items()})


def app_of(node: NodeView) -> str:
    """Return the label `app` of the Pods that do the work of a node."""
    return BROKER if node.kind is NodeKind.TOPIC else node.name


def assemble(
    graph: Graph, node: NodeView, workload: Workload, samples: Iterable[Sample], links: Iterable[Link]
) -> NodeDetail:
    """Return the details. The samples are the result of the query."""
    memory = {(each.labels["figure"], each.labels.get("pod", "")): int(each.value) for each in samples}
    pods = (PodView(pod, memory.get(("app", pod.name)), memory.get(("proxy", pod.name))) for pod in workload.pods)
    return NodeDetail(graph.at, graph.live, node, tuple(pods), tuple(links))
