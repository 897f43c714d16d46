"""Service level objectives: which share of a method's calls succeeds, and which share is fast.

A method's objective overrides that of its service, field by field. The tier has the defaults.
"""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tools.protoc_gen_istio.options import Policy

TYPE = "mesh.options.v1.Objective"
MIN_PERCENT, MAX_PERCENT = 95.0, 99.999
"""An alert of 14.4 times the budget cannot fire below 93.1 %, and 99.999 % is 26 s in 30 days."""
BOUNDS_MS = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000)
"""The bounds of the histograms of Envoy and istio-proxy. Nothing else can be counted exactly."""
TIMEOUT_SHARE = 4
"""A call is slow by default if it takes more than this part of its timeout."""


class Tier(Enum):
    """How important a service is. The value is how many calls may be in flight, to an instance or from a caller."""

    CRITICAL = 256
    STANDARD = 128
    BACKGROUND = 64


AVAILABLE_PERCENT = {Tier.CRITICAL: 99.9, Tier.STANDARD: 99.5, Tier.BACKGROUND: 99.0}
FAST_PERCENT = {Tier.CRITICAL: 99.0, Tier.STANDARD: 99.0, Tier.BACKGROUND: 95.0}


@dataclass(frozen=True)
class Objective:
    """An objective. What is None is not set, or does not apply: a stream has no latency."""

    available_percent: float | None = None
    """Of the calls: they do not fail through a fault of the service."""
    fast_percent: float | None = None
    """Of the calls: they take at most `latency_ms`."""
    latency_ms: int | None = None

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the values that are set."""
        for name in ("available_percent", "fast_percent"):
            value = getattr(self, name)
            if value is not None and not MIN_PERCENT <= value <= MAX_PERCENT:
                yield f"sets {name} to {value:g}: set it from {MIN_PERCENT:g} to {MAX_PERCENT:g}"
        if self.latency_ms is not None and self.latency_ms not in BOUNDS_MS:
            place = bisect(BOUNDS_MS, self.latency_ms)
            choices = " or ".join(f"{bound} ms" for bound in BOUNDS_MS[max(place - 1, 0) : place + 1])
            yield f"has a latency of {self.latency_ms} ms, which the proxies do not count: set {choices}"


def stated(policy: Policy) -> Objective:
    """Return the objective in an option, with None for each field that is not set."""
    objective = policy.message("objective", TYPE)
    return Objective(
        objective.number("available_percent"), objective.number("fast_percent"), objective.milliseconds("latency")
    )


def effective(method: Objective, service: Objective, tier: Tier, timeout_ms: int | None) -> Objective:
    """Return the objective of a method with all defaults. Without a timeout the method is a stream."""
    available = method.available_percent or service.available_percent or AVAILABLE_PERCENT[tier]
    if timeout_ms is None:
        return Objective(available)
    return Objective(
        available,
        method.fast_percent or service.fast_percent or FAST_PERCENT[tier],
        method.latency_ms or service.latency_ms or default_latency(timeout_ms),
    )


def default_latency(timeout_ms: int) -> int:
    """Return the latency of a method that sets none: the largest bound within a quarter of its timeout."""
    return max((bound for bound in BOUNDS_MS if bound * TIMEOUT_SHARE <= timeout_ms), default=BOUNDS_MS[0])
