"""The metrics of inbound calls, with the names and buckets of OpenTelemetry's conventions for RPC (1.44)."""

from collections.abc import Iterable, Iterator

from google.protobuf import descriptor_pool
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

from services.runtime.metrics.distribution import Distribution

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
# Stands for every method that the process does not have: callers can name any.
OTHER = "_OTHER"
METHOD, CODE = "rpc_method", "rpc_response_status_code"


class MethodMetrics:
    """The calls of one method: those in progress, and the durations of those that have ended, by code."""

    __slots__ = ("active", "durations")

    def __init__(self) -> None:
        self.active = 0
        # There before the first call: a rate needs a first value of 0.
        self.durations = {"OK": Distribution(BOUNDS_SECONDS)}

    def start(self) -> None:
        """Count a call that starts."""
        self.active += 1

    def end(self, code: str, seconds: float) -> None:
        """Count a call that has started and ends now."""
        self.active -= 1
        durations = self.durations.get(code)
        if durations is None:
            durations = self.durations[code] = Distribution(BOUNDS_SECONDS)
        durations.observe(seconds)


class CallMetrics:
    """The calls of all methods of a process."""

    def __init__(self) -> None:
        self._methods: dict[str, MethodMetrics] = {}

    def add_services(self, services: Iterable[str]) -> None:
        """Add the methods of services, by full name, before their first calls."""
        pool = descriptor_pool.Default()
        for service in services:
            for method in pool.FindServiceByName(service).methods:
                self.of(f"/{service}/{method.name}")

    def of(self, path: str) -> MethodMetrics:
        """Return the metrics of a method that exists. `path` is the one of its calls, "/<service>/<method>"."""
        return self._methods.setdefault(path.removeprefix("/"), MethodMetrics())

    def count_unknown(self, code: str) -> None:
        """Count a call of a method that does not exist, which ended with `code`."""
        method = self.of(OTHER)
        method.start()
        method.end(code, 0.0)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        ended = HistogramMetricFamily(
            "rpc_server_call_duration_seconds",
            "How long inbound calls took, by method and status code. A stream counts when it ends.",
            labels=[METHOD, CODE],
        )
        active = GaugeMetricFamily(
            "rpc_server_active_calls", "Inbound calls and streams in progress, by method.", labels=[METHOD]
        )
        for method, calls in self._methods.items():
            active.add_metric([method], calls.active)
            for code, durations in calls.durations.items():
                durations.add_to(ended, [method, code])
        yield ended
        yield active
