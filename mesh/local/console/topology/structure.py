"""The nodes and edges that contracts and service.yaml files declare."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from mesh.local.clients.kubectl import namespace_of
from mesh.local.matrix.declared import Method, Service

GATEWAY = "shop-gateway"
BROKER = "kafka"


class NodeKind(StrEnum):
    """What a node is."""

    GATEWAY = "gateway"
    SERVICE = "service"
    JOB = "job"
    """It has Pods only while it works."""
    TOPIC = "topic"


class EdgeKind(StrEnum):
    """What goes along an edge."""

    CALLS = "calls"
    """gRPC calls, from the caller to the callee."""
    PAGES = "pages"
    """Other requests that the gateway passes on: pages of the storefront, reflection."""
    PUBLISHES = "publishes"
    """Events, from a service to a topic."""
    CONSUMES = "consumes"
    """Events, from a topic to a service."""


@dataclass(frozen=True)
class Node:
    """A gateway, a service, a job or a topic."""

    name: str
    kind: NodeKind
    owns: tuple[str, ...] = ()
    """The types of the resources in its database; none without a database."""

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace of its Pods; for a topic, of the broker's."""
        return namespace_of(BROKER if self.kind is NodeKind.TOPIC else self.name)


@dataclass(frozen=True)
class Edge:
    """What one node sends to another."""

    source: str
    target: str
    kind: EdgeKind
    names: tuple[str, ...]
    """The methods that the caller may call, or the types of the events."""

    @property
    def id(self) -> str:
        """The name in the address of the page: "<source>~<target>"."""
        return f"{self.source}~{self.target}"


@dataclass(frozen=True)
class Structure:
    """All nodes and edges, in an order that depends on nothing but what is declared."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    streams: frozenset[str]
    """The methods that are streams. Their durations say nothing about how fast they are."""

    @cached_property
    def node_by_name(self) -> dict[str, Node]:
        """The nodes, by name."""
        return {node.name: node for node in self.nodes}

    @property
    def callers(self) -> list[str]:
        """The nodes that call others."""
        kinds = {EdgeKind.CALLS, EdgeKind.PAGES}
        return list(dict.fromkeys(edge.source for edge in self.edges if edge.kind in kinds))


def build(services: Iterable[Service], methods: Iterable[Method], pages: Iterable[str]) -> Structure:
    """Return the structure. `pages` are hosts to which the gateway routes what no contract has."""
    declared, listed = list(services), list(methods)
    nodes = [Node(GATEWAY, NodeKind.GATEWAY)]
    nodes += [Node(each.name, _kind(each), each.owns) for each in declared]
    calls = [(GATEWAY, method) for method in listed if method.is_public]
    calls += [(caller, method) for method in listed for caller in sorted(method.callers)]
    edges = [
        Edge(source, target, EdgeKind.CALLS, tuple(m.name for s, m in calls if (s, m.service) == (source, target)))
        for source, target in dict.fromkeys((source, method.service) for source, method in calls)
    ]
    known, called = {node.name for node in nodes}, {edge.id for edge in edges}
    for host in sorted(set(pages)):
        if (edge := Edge(GATEWAY, host, EdgeKind.PAGES, ())).id not in called:
            nodes += [] if host in known else [Node(host, NodeKind.SERVICE)]
            edges.append(edge)
    for topic in sorted({topic_of(event) for each in declared for event in (*each.emits, *each.consumes)}):
        nodes.append(Node(topic, NodeKind.TOPIC))
        for each in declared:
            emitted, consumed = (tuple(e for e in some if topic_of(e) == topic) for some in (each.emits, each.consumes))
            edges += [Edge(each.name, topic, EdgeKind.PUBLISHES, emitted)] if emitted else []
            edges += [Edge(topic, each.name, EdgeKind.CONSUMES, consumed)] if consumed else []
    return Structure(tuple(nodes), tuple(edges), frozenset(each.name for each in listed if each.is_stream))


def topic_of(event: str) -> str:
    """Return the topic of an event type: "<package>.events" (services/runtime/events)."""
    return f"{event.rpartition('.')[0]}.events"


def _kind(service: Service) -> NodeKind:
    return NodeKind.SERVICE if service.serves or not service.calls else NodeKind.JOB
