"""How late the event loop runs what is due: while one task computes, all others wait."""

import asyncio
from collections.abc import Iterator
from time import monotonic

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily

from services.runtime.metrics.distribution import Distribution

INTERVAL_SECONDS = 0.25
BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class EventLoopLag:
    """Measures the lag of the running event loop, four times a second."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lags = Distribution(BOUNDS_SECONDS)
        self._start()

    def stop(self) -> None:
        """Stop measuring."""
        self._timer.cancel()

    def collect(self) -> Iterator[Metric]:
        """Return the metric."""
        family = HistogramMetricFamily(
            "process_event_loop_lag_seconds", "How late the event loop ran a timer that was due.", labels=()
        )
        self._lags.add_to(family)
        yield family

    def _start(self) -> None:
        self._due = monotonic() + INTERVAL_SECONDS
        self._timer = self._loop.call_later(INTERVAL_SECONDS, self._measure)

    def _measure(self) -> None:
        self._lags.observe(max(monotonic() - self._due, 0.0))
        self._start()
