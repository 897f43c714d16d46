"""The whole graph at one time: what is declared, with its figures, its Pods and its TLS."""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.local.console.topology.figures import WINDOW_SECONDS, Alert, Database, Figures
from mesh.local.console.topology.structure import BROKER, Edge, EdgeKind, Node, NodeKind, Structure
from mesh.local.console.topology.tls import Transport
from mesh.local.console.topology.workloads import Workload


@dataclass(frozen=True)
class NodeView:
    """A node of the graph."""

    name: str
    kind: NodeKind
    namespace: str
    ready: int
    desired: int | None
    """None for an earlier time, and for a node without a workload."""
    versions: dict[str, int]
    """Version → how many Pods."""
    owns: tuple[str, ...]
    database: Database | None
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class EdgeView:
    """An edge of the graph. What is not measured is None."""

    id: str
    source: str
    target: str
    kind: EdgeKind
    names: tuple[str, ...]
    count: int | None
    """Calls or events within the window."""
    per_second: float | None
    failed: int | None
    refused: int | None
    by_status: dict[int, int]
    p99_milliseconds: float | None
    lag: int | None
    transport: Transport | None
    """None for events, for an earlier time, and if no proxy of the caller runs."""


@dataclass(frozen=True)
class UndeclaredCalls:
    """Calls that no contract and no service.yaml allows, as the proxy of their caller has counted them."""

    caller: str
    service: str
    count: int
    refused: int


@dataclass(frozen=True)
class Graph:
    """The topology at one time."""

    at: float
    """Seconds since 1970."""
    live: bool
    """Whether this is now. Otherwise Pods are those that metrics show, and what only proxies know is missing."""
    window_seconds: int
    nodes: tuple[NodeView, ...]
    edges: tuple[EdgeView, ...]
    alerts: tuple[Alert, ...]
    """Those that are about no node."""
    undeclared: tuple[UndeclaredCalls, ...]


def assemble(  # noqa: PLR0913  # what a graph consists of
    at: float,
    structure: Structure,
    figures: Figures,
    workloads: Mapping[str, Workload],
    transports: Mapping[tuple[str, str], Transport | None],
    *,
    live: bool,
) -> Graph:
    """Return the graph. `transports` has the TLS of each caller and service."""
    names = structure.node_by_name
    called = {(edge.source, edge.target) for edge in structure.edges}
    return Graph(
        at=at,
        live=live,
        window_seconds=WINDOW_SECONDS,
        nodes=tuple(_node(node, figures, workloads) for node in structure.nodes),
        edges=tuple(_edge(edge, figures, transports) for edge in structure.edges),
        alerts=tuple(alert for alert in figures.alerts if alert.service not in names),
        undeclared=tuple(
            UndeclaredCalls(*pair, calls.total, calls.refused)
            for pair, calls in sorted(figures.calls.items())
            if pair not in called and calls.total
        ),
    )


def _node(node: Node, figures: Figures, workloads: Mapping[str, Workload]) -> NodeView:
    workload = workloads.get(BROKER if node.kind is NodeKind.TOPIC else node.name, Workload((), None))
    return NodeView(
        name=node.name,
        kind=node.kind,
        namespace=node.namespace,
        ready=workload.ready,
        desired=workload.desired,
        versions={} if node.kind is NodeKind.TOPIC else workload.versions,
        owns=node.owns,
        database=figures.databases.get(node.name) if node.owns else None,
        alerts=tuple(alert for alert in figures.alerts if alert.service == node.name),
    )


def _edge(edge: Edge, figures: Figures, transports: Mapping[tuple[str, str], Transport | None]) -> EdgeView:
    pair = (edge.source, edge.target)
    calls = figures.calls.get(pair) if edge.kind is EdgeKind.CALLS else None
    events = {
        EdgeKind.PUBLISHES: lambda: figures.published.get(pair),
        EdgeKind.CONSUMES: lambda: figures.consumed.get((edge.target, edge.source)),
    }.get(edge.kind, lambda: None)()
    count = events.count if events else None
    if edge.kind is EdgeKind.CALLS:
        count = calls.total if calls else 0
    return EdgeView(
        id=edge.id,
        source=edge.source,
        target=edge.target,
        kind=edge.kind,
        names=edge.names,
        count=count,
        per_second=None if count is None else count / WINDOW_SECONDS,
        failed=calls.failed if calls else None,
        refused=calls.refused if calls else None,
        by_status={status: n for status, n in sorted(calls.by_status.items()) if n} if calls else {},
        p99_milliseconds=calls.p99_milliseconds if calls and calls.total else None,
        lag=events.lag if events else None,
        transport=transports.get(pair),
    )
