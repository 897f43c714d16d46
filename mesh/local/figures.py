"""What proxies have measured of the calls that came in to their Pods: how many, how they ended, how long they took.

On a cluster Prometheus has these from the same proxies.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Self, TypeVar

# UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the server's fault, never the request's.
FAULTS = frozenset({2, 4, 12, 13, 14, 15})
ENDED = re.compile(r'^envoy_cluster_grpc_(\d+){cluster_name="inbound\|[^}]*} (\d+)$', re.MULTILINE)
TOOK = re.compile(r'^envoy_http_downstream_rq_time_bucket{[^}]*"inbound_[^}]*le="([^"]+)"} (\d+)$', re.MULTILINE)

Key = TypeVar("Key", int, float)


@dataclass(frozen=True)
class Figures:
    """Calls by gRPC status, and by the bucket of their duration."""

    ended: Counter[int]
    within: Counter[float]
    """Milliseconds → the calls that took no longer."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what Envoy tells Prometheus."""
        ended: Counter[int] = Counter()
        within: Counter[float] = Counter()
        for status, count in ENDED.findall(text):
            ended[int(status)] += int(count)
        for bound, count in TOOK.findall(text):
            within[float(bound)] += int(count)
        return cls(ended, within)

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return type(self)(_each(self.ended, other.ended, 1), _each(self.within, other.within, 1))

    def __sub__(self, earlier: Self) -> Self:
        """What came since; of a Pod that has begun anew, less."""
        return type(self)(_each(self.ended, earlier.ended, -1), _each(self.within, earlier.within, -1))

    @property
    def calls(self) -> int:
        """How many of them count: those that have both ended and been timed."""
        return min(self.ended.total(), max(self.within.values(), default=0))

    @property
    def success(self) -> float:
        """The share of calls that the server did not fail."""
        failed = sum(count for status, count in self.ended.items() if status in FAULTS)
        return 1 - failed / max(1, self.ended.total())

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the calls had ended, as Prometheus estimates it."""
        rank = share * max(self.within.values(), default=0)
        below, lower = 0, 0.0
        for bound, count in sorted(self.within.items()):
            if count >= rank and count > below:
                return lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
            below, lower = count, bound
        return lower


def _each(ones: Counter[Key], others: Counter[Key], sign: int) -> Counter[Key]:
    """Add or subtract; unlike Counter's own operators it keeps the empty buckets, at whose bounds others begin."""
    return Counter({key: max(0, ones[key] + sign * others[key]) for key in ones.keys() | others.keys()})
