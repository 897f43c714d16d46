"""What Envoy has measured of a Pod's inbound calls: how many, how they ended, how long they took.

On a cluster Prometheus collects these metrics from the same proxies.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Self, TypeVar

# UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the server failed, not the request.
SERVER_ERRORS = frozenset({2, 4, 12, 13, 14, 15})
ENDED = re.compile(r'^envoy_cluster_grpc_(\d+){cluster_name="inbound\|[^}]*} (\d+)$', re.MULTILINE)
DURATION = re.compile(r'^envoy_http_downstream_rq_time_bucket{[^}]*"inbound_[^}]*le="([^"]+)"} (\d+)$', re.MULTILINE)

KeyT = TypeVar("KeyT", int, float)


@dataclass(frozen=True)
class CallMetrics:
    """Inbound calls by gRPC status code, and by duration."""

    by_status: Counter[int]
    by_duration: Counter[float]
    """Milliseconds → the number of calls that took no longer."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the output of Envoy's /stats/prometheus."""
        by_status: Counter[int] = Counter()
        by_duration: Counter[float] = Counter()
        for status, count in ENDED.findall(text):
            by_status[int(status)] += int(count)
        for bound, count in DURATION.findall(text):
            by_duration[float(bound)] += int(count)
        return cls(by_status, by_duration)

    @classmethod
    def empty(cls) -> Self:
        """Return the metrics of no calls."""
        return cls(Counter(), Counter())

    def __add__(self, other: Self) -> Self:
        """Add the metrics of another Pod."""
        return type(self)(_add(self.by_status, other.by_status, 1), _add(self.by_duration, other.by_duration, 1))

    def __sub__(self, earlier: Self) -> Self:
        """Return the metrics since an earlier time. If a Pod has restarted since, they are too small."""
        return type(self)(_add(self.by_status, earlier.by_status, -1), _add(self.by_duration, earlier.by_duration, -1))

    @property
    def calls(self) -> int:
        """The number of calls that have ended and whose duration is known."""
        return min(self.by_status.total(), max(self.by_duration.values(), default=0))

    @property
    def success(self) -> float:
        """The share of calls, 0 to 1, that did not end with a server error."""
        failed = sum(count for status, count in self.by_status.items() if status in SERVER_ERRORS)
        return 1 - failed / max(1, self.by_status.total())

    def quantile(self, share: float) -> float:
        """Return the milliseconds in which this share of the calls ended, with Prometheus's interpolation."""
        rank = share * max(self.by_duration.values(), default=0)
        below, lower = 0, 0.0
        for bound, count in sorted(self.by_duration.items()):
            if count >= rank and count > below:
                return lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
            below, lower = count, bound
        return lower


def _add(counts: Counter[KeyT], others: Counter[KeyT], sign: int) -> Counter[KeyT]:
    """Add or subtract. Counter's own operators drop empty buckets, whose bounds the quantile needs."""
    return Counter({key: max(0, counts[key] + sign * others[key]) for key in counts.keys() | others.keys()})
