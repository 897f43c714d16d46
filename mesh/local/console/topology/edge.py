"""One edge in detail: its methods with their rules and recent calls, and what the proxies do now."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.local.clients.metrics import Sample, union
from mesh.local.console.topology.figures import WINDOW_SECONDS
from mesh.local.console.topology.graph import EdgeView, Graph
from mesh.local.console.topology.links import Link
from mesh.local.console.topology.proxies import Limit, Pool, Route
from mesh.local.console.topology.rules import Callee, Host, Rules
from mesh.local.console.topology.stream import Stream
from mesh.local.console.topology.structure import EdgeKind

STATS = {
    "circuit_breakers_default_rq_open": "breaker_open",
    "membership_total": "hosts",
    "membership_healthy": "healthy",
    "outlier_detection_ejections_active": "ejected",
    "upstream_rq_active": "active",
    "upstream_rq_pending_active": "pending",
    "upstream_cx_active": "connections",
}
"""Name of a gauge of a cluster in Envoy → name in `ProxyState.now`."""
COUNTERS = {
    "upstream_rq_retry": "retries",
    "upstream_rq_retry_success": "retries_that_succeeded",
    "upstream_rq_retry_overflow": "retries_over_budget",
    "upstream_rq_timeout": "timeouts",
    "upstream_rq_active_overflow": "rejected_by_breaker",
    "upstream_rq_pending_overflow": "rejected_while_pending",
    "upstream_cx_connect_fail": "failed_connections",
    "outlier_detection_ejections_enforced_total": "ejections",
}
"""Name of a counter → name in `ProxyState.window`."""
PREFIX = "envoy_cluster_"


@dataclass(frozen=True)
class MethodView:
    """A method that the caller may call."""

    name: str
    is_stream: bool
    routes: tuple[Route, ...]
    """In the order in which the proxy of the caller tries them; none for an earlier time."""
    limits: tuple[Limit, ...]
    by_status: dict[int, int]
    """gRPC status → calls within the window."""
    by_flag: dict[str, int]
    """Why a proxy itself has ended calls: response flag of Envoy → calls within the window."""
    p50_milliseconds: float | None
    p99_milliseconds: float | None


@dataclass(frozen=True)
class ProxyState:
    """What the proxy of one Pod of the caller does, of all its calls to the service."""

    pod: str
    now: dict[str, int]
    window: dict[str, int]


@dataclass(frozen=True)
class EdgeDetail:
    """One edge."""

    at: float
    live: bool
    window_seconds: int
    edge: EdgeView
    methods: tuple[MethodView, ...]
    pools: tuple[Pool, ...]
    callee: Callee | None
    proxies: tuple[ProxyState, ...]
    hosts: tuple[Host, ...]
    stream: Stream | None
    """For events only."""
    links: tuple[Link, ...]


def expression(caller: str, service: str) -> str:
    """Return the query (MetricsQL) for one edge. Each series has the name of its figure in the label `figure`."""
    window, edge = f"[{WINDOW_SECONDS}s]", f'caller="{caller}", service="{service}"'
    cluster = f'app="{caller}", cluster_name=~"outbound[|].*[|]{service}[.].+"'
    durations = f"sum by (method, le) (increase(mesh_rpc_duration_milliseconds_bucket{{{edge}}}{window}))"
    gauges, counters = (f'{{__name__=~"{PREFIX}({names})", {cluster}}}' for names in map("|".join, (STATS, COUNTERS)))
    increase = f"increase({counters}{window}) keep_metric_names"
    figures = {
        "calls": f"sum by (method, grpc_status, response_flags) (increase(mesh_rpc_requests_total{{{edge}}}{window}))",
        "p50": f"histogram_quantile(0.5, {durations})",
        "p99": f"histogram_quantile(0.99, {durations})",
        "now": f'sum by (pod, stat) (label_copy({gauges}, "__name__", "stat"))',
        "window": f'sum by (pod, stat) (label_copy({increase}, "__name__", "stat"))',
    }
    return union(figures)


def assemble(  # noqa: PLR0913  # what the details consist of
    graph: Graph,
    edge: EdgeView,
    streams: frozenset[str],
    *,
    samples: Iterable[Sample],
    rules: Rules,
    links: Iterable[Link],
    stream: Stream | None = None,
) -> EdgeDetail:
    """Return the details. The samples are the result of the query."""
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    flags: dict[str, Counter[str]] = defaultdict(Counter)
    quantiles: dict[tuple[str, str], float] = {}
    proxies: dict[str, ProxyState] = {}
    for sample in samples:
        labels, figure = sample.labels, sample.labels["figure"]
        if figure == "calls":
            statuses[labels["method"]][int(labels["grpc_status"])] += round(sample.value)
            flags[labels["method"]].update(
                {flag: round(sample.value) for flag in labels.get("response_flags", "-").split(",")}
            )
        elif figure in {"now", "window"}:
            state = proxies.setdefault(labels["pod"], ProxyState(labels["pod"], {}, {}))
            name = labels["stat"].removeprefix(PREFIX)
            if figure == "now":
                state.now[STATS[name]] = round(sample.value)
            else:
                state.window[COUNTERS[name]] = round(sample.value)
        else:
            quantiles[labels["method"], figure] = sample.value
    methods = [
        MethodView(
            name=method,
            is_stream=method in streams,
            routes=tuple(rules.routes.get(method, ())),
            limits=tuple(rules.limits.get(method, ())),
            by_status={status: count for status, count in sorted(statuses[method].items()) if count},
            by_flag={flag: count for flag, count in sorted(flags[method].items()) if count and flag != "-"},
            p50_milliseconds=None if method in streams else quantiles.get((method, "p50")),
            p99_milliseconds=None if method in streams else quantiles.get((method, "p99")),
        )
        for method in edge.names
    ]
    return EdgeDetail(
        at=graph.at,
        live=graph.live,
        window_seconds=WINDOW_SECONDS,
        edge=edge,
        methods=tuple(methods) if edge.kind is EdgeKind.CALLS else (),
        pools=rules.pools,
        callee=rules.callee,
        proxies=tuple(proxies[pod] for pod in sorted(proxies)),
        hosts=rules.hosts,
        stream=stream,
        links=tuple(links),
    )
