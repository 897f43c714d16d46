"""Reads a mesh for the page: metrics, Kubernetes API and proxies. It keeps what does not change between two reads."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

from mesh.local.clients import metrics
from mesh.local.clients.api_server import ApiServer
from mesh.local.clients.envoy import query_pod
from mesh.local.console.topology import edge, figures, graph, links, node, rules, stream, structure
from mesh.local.console.topology.edge import EdgeDetail
from mesh.local.console.topology.graph import EdgeView, Graph
from mesh.local.console.topology.history import History
from mesh.local.console.topology.node import NodeDetail
from mesh.local.console.topology.proxies import service_of
from mesh.local.console.topology.rules import Host, Rules
from mesh.local.console.topology.structure import GATEWAY, EdgeKind, Structure
from mesh.local.console.topology.tls import Transport, combined, endpoint_labels, transport
from mesh.local.console.topology.workloads import Pod, Workload, earlier, read_now, read_versions
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY, Instance
from mesh.local.matrix.declared import Method, Service, methods, services
from mesh.local.why.proxy import DUMP, Proxy

MAX_CONCURRENT_READS = 4
CLUSTERS, ROUTES = (f"config_dump?resource=dynamic_{name}" for name in ("active_clusters", "route_configs"))
ENDPOINTS = "config_dump?resource=dynamic_endpoint_configs&include_eds"
STATUSES = "clusters?format=json"
SHARED_SECONDS = 2.0
"""How long several requests share one reading: those of the picture and of the details, and of other browsers."""
PAGES_SECONDS = 30
"""How long the hosts to which the gateway routes pages are kept."""

Reading = tuple[Graph, Structure, Mapping[str, Workload]]


@dataclass
class Reader:
    """Reads one mesh. Several threads may use it."""

    mesh: Instance
    _pages: tuple[float, str, tuple[str, ...]] = (0.0, "", ())
    """When they were read, the Pod that had them, and the hosts."""
    _last: tuple[float, float | None, Reading | None] = (0.0, None, None)
    """When it was read, for which time, and the result."""
    _lock: Lock = field(default_factory=Lock, repr=False)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_CONCURRENT_READS), repr=False)

    def graph(self, at: float | None) -> Graph:
        """Return the graph at a time, by default now. Raises MeshError."""
        return self._read(at)[0]

    def edge(self, name: str, at: float | None) -> EdgeDetail | None:
        """Return an edge in detail; None if there is none. Raises MeshError."""
        whole, declared, workloads = self._read(at)
        found = next((each for each in whole.edges if each.id == name), None)
        if found is None:
            return None
        if found.kind in {EdgeKind.PUBLISHES, EdgeKind.CONSUMES}:
            publishes = found.kind is EdgeKind.PUBLISHES
            app, topic = (found.source, found.target) if publishes else (found.target, found.source)
            events = stream.read(
                found.names, metrics.query(self.mesh, stream.expression(app, topic), at), publishes=publishes
            )
            shown = links.of_events(self.mesh, app, topic)
            return edge.assemble(whole, found, frozenset(), samples=[], rules=Rules(), links=shown, stream=events)
        samples = metrics.query(self.mesh, edge.expression(found.source, found.target), at)
        configured = Rules() if at else self._rules(found, workloads)
        shown = links.of_calls(self.mesh, found.source, found.target)
        return edge.assemble(whole, found, declared.streams, samples=samples, rules=configured, links=shown)

    def node(self, name: str, at: float | None) -> NodeDetail | None:
        """Return a node in detail; None if there is none. Raises MeshError."""
        whole, _, workloads = self._read(at)
        found = next((each for each in whole.nodes if each.name == name), None)
        if found is None:
            return None
        app = node.app_of(found)
        samples = metrics.query(self.mesh, node.expression(app), at)
        workload = workloads.get(app, Workload((), None))
        return node.assemble(whole, found, workload, samples, links.of_app(self.mesh, app))

    def history(self) -> History:
        """Return how many calls there were, and failed, over the last hour. Raises MeshError."""
        return History.read(self.mesh)

    def _read(self, at: float | None) -> Reading:
        with self._lock:
            read, time_read, reading = self._last
            if reading is None or time_read != at or time.monotonic() - read > SHARED_SECONDS:
                reading = self._read_all(at)
                self._last = (time.monotonic(), at, reading)
            return reading

    def _read_all(self, at: float | None) -> Reading:
        live = at is None
        _, listed = self._declared
        streams = [method.name for method in listed if method.is_stream]
        # The store, the Kubernetes API and the proxies work at the same time.
        samples = self._pool.submit(metrics.query, self.mesh, figures.expression(streams), at)
        workloads = read_now(self._api) if live else {}
        declared = structure.build(*self._declared, self._read_pages(workloads))
        transports = self._transports(declared, workloads)
        found = figures.read(samples.result())
        if not live:
            workloads = earlier(found.pods, read_versions(self._api))
        whole = graph.assemble(time.time() if at is None else at, declared, found, workloads, transports, live=live)
        return whole, declared, workloads

    @cached_property
    def _api(self) -> ApiServer:
        return ApiServer(self.mesh)

    @cached_property
    def _declared(self) -> tuple[list[Service], list[Method]]:
        return services(REPOSITORY), methods(REPOSITORY)

    def _read_pages(self, workloads: Mapping[str, Workload]) -> tuple[str, ...]:
        """Return the hosts to which the gateway routes calls. Without a gateway, those that it had last."""
        read, uid, hosts = self._pages
        pods = _ready(workloads, GATEWAY)
        if not pods and not hosts:
            pods = _ready(read_now(self._api), GATEWAY)
        if pods and (pods[0].uid != uid or time.monotonic() - read > PAGES_SECONDS):
            for dump in self._query(pods[:1], ROUTES).values():
                clusters = {
                    route.get("route", {}).get("cluster", "")
                    for config in dump.get("configs", [])
                    for host in config["route_config"].get("virtual_hosts", [])
                    for route in host.get("routes", [])
                }
                hosts = tuple(sorted({service_of(cluster) for cluster in clusters} - {""}))
                self._pages = (time.monotonic(), pods[0].uid, hosts)
        return hosts

    def _transports(
        self, declared: Structure, workloads: Mapping[str, Workload]
    ) -> dict[tuple[str, str], Transport | None]:
        found: dict[tuple[str, str], list[Transport | None]] = {}
        callers = {pod.name: caller for caller in declared.callers for pod in _ready(workloads, caller)}
        pods = [pod for caller in declared.callers for pod in _ready(workloads, caller)]
        for pod, dump in self._query(pods, CLUSTERS).items():
            clusters = [each["cluster"] for each in dump.get("configs", [])]
            labels = {}
            if any("transport_socket_matches" in each and service_of(each["name"]) for each in clusters):
                labels = endpoint_labels(self._query([pod], ENDPOINTS).get(pod, {"configs": []}))
            for each in clusters:
                if service := service_of(each["name"]):
                    one = transport(each, labels.get(each["name"], []))
                    found.setdefault((callers[pod.name], service), []).append(one)
        return {pair: combined(each) for pair, each in found.items()}

    def _rules(self, found: EdgeView, workloads: Mapping[str, Workload]) -> Rules:
        callers, callees = _ready(workloads, found.source), _ready(workloads, found.target)
        dumps = self._query([*callers[:1], *callees[:1]], DUMP)
        caller, callee = (
            Proxy({"metadata": {"name": each[0].name, "namespace": ""}}, dumps[each[0]])
            if each and each[0] in dumps
            else None
            for each in (callers, callees)
        )
        hosts: list[Host] = []
        for pod, statuses in self._query(callers, STATUSES).items():
            hosts += rules.read_hosts(pod.name, statuses, found.target, callees)
        return rules.read(found.names, found.target, caller, callee, hosts)

    def _query(self, pods: list[Pod], path: str) -> dict[Pod, Any]:
        """Return what the Envoys of Pods return. One that does not respond is missing."""

        def read(pod: Pod) -> Any:  # noqa: ANN401  # JSON
            try:
                return json.loads(query_pod(self.mesh, {"metadata": {"name": pod.name, "uid": pod.uid}}, path))
            except MeshError:
                return None

        return {pod: reply for pod, reply in zip(pods, self._pool.map(read, pods), strict=True) if reply is not None}


def _ready(workloads: Mapping[str, Workload], app: str) -> list[Pod]:
    return [pod for pod in workloads[app].pods if pod.ready] if app in workloads else []
