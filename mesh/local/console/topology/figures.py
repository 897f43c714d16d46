"""What the metrics say about nodes and edges at one time. One query returns all of it.

Errors and durations are those of objectives and alerts (mesh/observability): a call fails if its status is a fault of
the service, and streams have no duration.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mesh.local.canary.metrics import SERVER_ERRORS
from mesh.local.clients.metrics import Sample, union

WINDOW_SECONDS = 60
"""All rates are over this time."""
REFUSED = frozenset({7, 8, 16})
"""PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAUTHENTICATED: a policy or a limit has refused the call."""
NAMESPACES = "shop|shop-ingress"
_POOL = {"connection": "PostgreSQL", "write": "SQLite"}
"""What a transaction waits for → the database (services/runtime/metrics)."""


def expression(streams: Iterable[str]) -> str:
    """Return the query (MetricsQL) for all figures. Each series has the name of its figure in the label `figure`."""
    window = f"[{WINDOW_SECONDS}s]"
    others = "|".join(sorted(streams))
    unary = f'{{method!~"{others}"}}'
    latency = f"sum by (caller, service, le) (increase(mesh_rpc_duration_milliseconds_bucket{unary}{window}))"
    wait = f"sum by (app, le) (increase(storage_wait_seconds_bucket{window}))"
    figures = {
        "calls": f"sum by (caller, service, grpc_status) (increase(mesh_rpc_requests_total{window}))",
        "p99": f"histogram_quantile(0.99, {latency})",
        "published": f"sum by (app, topic) (increase(event_published_total{window}))",
        "processed": f"sum by (app, topic) (increase(event_processed_total{window}))",
        "lag": "sum by (app, topic) (event_consumer_lag_records)",
        "waiting": "sum by (app, resource) (storage_waiting_transactions)",
        "transactions": f"sum by (app) (increase(storage_wait_seconds_count{window}))",
        "wait": f"histogram_quantile(0.99, {wait})",
        "failures": f"sum by (app) (increase(storage_failures_total{window}))",
        "up": f'up{{job=~"apps|proxies", namespace=~"{NAMESPACES}"}}',
        "alert": 'ALERTS{alertstate="firing"}',
    }
    return union(figures)


@dataclass(frozen=True)
class Calls:
    """The calls of a caller to a service within the window."""

    by_status: Counter[int] = field(default_factory=Counter)
    p99_milliseconds: float | None = None

    @property
    def total(self) -> int:
        """The number of calls that have ended."""
        return self.by_status.total()

    @property
    def failed(self) -> int:
        """The number that failed through a fault of the service."""
        return sum(count for status, count in self.by_status.items() if status in SERVER_ERRORS)

    @property
    def refused(self) -> int:
        """The number that a policy or a limit has refused."""
        return sum(count for status, count in self.by_status.items() if status in REFUSED)


@dataclass(frozen=True)
class Events:
    """The events that a service has sent to a topic, or taken from it, within the window."""

    count: int
    lag: int | None
    """The records that wait; None for a publisher."""


@dataclass(frozen=True)
class Database:
    """The database of a service within the window."""

    engine: str
    transactions: int
    waiting: int
    failures: int
    p99_milliseconds: float | None
    """How long transactions waited for their turn."""


@dataclass(frozen=True)
class Alert:
    """An alert that fires."""

    name: str
    service: str
    """Empty for one that is about the mesh as a whole."""
    severity: str


@dataclass(frozen=True)
class Figures:
    """All figures at one time."""

    calls: dict[tuple[str, str], Calls]
    """By caller and service."""
    published: dict[tuple[str, str], Events]
    """By service and topic."""
    consumed: dict[tuple[str, str], Events]
    """By service and topic."""
    databases: dict[str, Database]
    """By service."""
    pods: dict[str, dict[str, bool]]
    """By service: the name of each Pod, and whether all that is scraped of it responds."""
    alerts: tuple[Alert, ...]


def read(samples: Iterable[Sample]) -> Figures:
    """Read the result of the query."""
    by_figure: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_figure[sample.labels["figure"]].append(sample)
    statuses: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for sample in by_figure["calls"]:
        statuses[_pair(sample, "caller", "service")][int(sample.labels["grpc_status"])] += round(sample.value)
    p99 = {_pair(sample, "caller", "service"): sample.value for sample in by_figure["p99"]}
    published, processed, lag = (
        {_pair(sample, "app", "topic"): round(sample.value) for sample in by_figure[figure]}
        for figure in ("published", "processed", "lag")
    )
    pods: dict[str, dict[str, bool]] = defaultdict(dict)
    for sample in by_figure["up"]:
        known, pod = pods[sample.labels["app"]], sample.labels["pod"]
        known[pod] = known.get(pod, True) and sample.value > 0
    return Figures(
        calls={pair: Calls(counts, p99.get(pair)) for pair, counts in statuses.items()},
        published={pair: Events(count, None) for pair, count in published.items()},
        consumed={pair: Events(processed.get(pair, 0), lag.get(pair)) for pair in processed.keys() | lag.keys()},
        databases=_databases(by_figure),
        pods=dict(pods),
        alerts=tuple(sorted({_alert(sample) for sample in by_figure["alert"]}, key=lambda alert: alert.name)),
    )


def _databases(by_figure: dict[str, list[Sample]]) -> dict[str, Database]:
    transactions, wait, failures = (
        {sample.labels["app"]: sample.value for sample in by_figure[figure]}
        for figure in ("transactions", "wait", "failures")
    )
    waiting: dict[str, dict[str, float]] = defaultdict(dict)
    for sample in by_figure["waiting"]:
        waiting[sample.labels["app"]][sample.labels["resource"]] = sample.value
    return {
        app: Database(
            engine=_POOL[min(resources)],
            transactions=round(transactions.get(app, 0)),
            waiting=round(sum(resources.values())),
            failures=round(failures.get(app, 0)),
            p99_milliseconds=wait[app] * 1000 if app in wait else None,
        )
        for app, resources in waiting.items()
    }


def _alert(sample: Sample) -> Alert:
    labels = sample.labels
    return Alert(labels["alertname"], labels.get("service", ""), labels.get("severity", ""))


def _pair(sample: Sample, first: str, second: str) -> tuple[str, str]:
    return sample.labels[first], sample.labels[second]
