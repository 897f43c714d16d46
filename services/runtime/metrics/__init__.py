"""Metrics: what a process counts and measures about itself, as Prometheus text at GET /metrics. See ../README.md.

A module that counts something creates a Counter or a Histogram of prometheus_client, once, next to its logger. What an
object or a database knows is registered: `runtime.metrics.register(collector)` or `runtime.metrics.measure(…)`.
"""

from prometheus_client import disable_created_metrics

from services.runtime.metrics.calls import CallMetrics, MethodMetrics
from services.runtime.metrics.distribution import Distribution
from services.runtime.metrics.event_loop import EventLoopLag
from services.runtime.metrics.families import gauge
from services.runtime.metrics.registry import Metrics

# The library would add a gauge with a creation time to each counter.
disable_created_metrics()  # type: ignore[no-untyped-call]

__all__ = ["CallMetrics", "Distribution", "EventLoopLag", "MethodMetrics", "Metrics", "gauge"]
