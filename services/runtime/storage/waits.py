"""How long transactions wait for something that only some of them can have at a time."""

from collections.abc import Iterable, Iterator
from time import perf_counter

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

from services.runtime.metrics import Distribution

BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
LABEL = "resource"


class Waits:
    """The waits for one resource: those that have ended, and the number of those that last."""

    __slots__ = ("durations", "resource", "waiting")

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.waiting = 0
        self.durations = Distribution(BOUNDS_SECONDS)

    def wait(self) -> "_Wait":
        """Return a context manager whose block waits for the resource."""
        return _Wait(self)


class _Wait:
    """One wait."""

    __slots__ = ("_start", "_waits")

    def __init__(self, waits: Waits) -> None:
        self._waits = waits

    def __enter__(self) -> None:
        self._waits.waiting += 1
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._waits.waiting -= 1
        self._waits.durations.observe(perf_counter() - self._start)


def collect_waits(all_waits: Iterable[Waits]) -> Iterator[Metric]:
    """Return the metrics of the waits of a process."""
    waiting = GaugeMetricFamily(
        "storage_waiting_transactions",
        "Transactions that wait for a connection, or for their turn to write.",
        labels=[LABEL],
    )
    durations = HistogramMetricFamily(
        "storage_wait_seconds",
        "How long transactions waited for a connection, or for their turn to write.",
        labels=[LABEL],
    )
    for waits in all_waits:
        waiting.add_metric([waits.resource], waits.waiting)
        waits.durations.add_to(durations, [waits.resource])
    yield waiting
    yield durations
