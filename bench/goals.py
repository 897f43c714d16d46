"""The ratios that the project aims at, beside what a run has measured. No test fails because of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Summary
from bench.results import Results


@dataclass(frozen=True)
class Goal:
    """A limit for the ratio of a figure."""

    group: str
    subject: str
    baseline: str
    condition: str
    metric: str
    limit: float
    at_least: bool
    """Whether the ratio must not be lower than the limit, rather than not higher."""

    def measured(self, results: Results) -> Summary | None:
        """Return the ratio in some results; None if they do not have it."""
        for figure in results[self.group].figures if self.group in results else []:
            if (*figure.key, figure.baseline) == (self.subject, self.condition, self.metric, self.baseline):
                return figure.ratio
        return None

    def is_met(self, ratio: Summary) -> bool:
        """Return whether the median of the ratio is within the limit."""
        return ratio.median >= self.limit if self.at_least else ratio.median <= self.limit


SERVICE, SIDECARS, SIXTEEN = "catalog, no mesh", "catalog through two sidecars", "16 in flight"
ORDER, GATEWAY, EIGHT = (
    "an order, no mesh",
    "an order through the gateway",
    ("SQLite, 8 callers", "PostgreSQL, 8 callers"),
)
SIGNALS = ("orders with signals", "orders without signals", "8 callers")
GOALS = (
    Goal("read", SERVICE, "bare grpc.aio server", SIXTEEN, "calls/s", 0.5, at_least=True),
    Goal("read", SIDECARS, SERVICE, SIXTEEN, "calls/s", 0.85, at_least=True),
    Goal("read", SIDECARS, SERVICE, SIXTEEN, "p50 ms", 1.8, at_least=False),
    *(Goal("orders", GATEWAY, ORDER, condition, "p50 ms", 1.5, at_least=False) for condition in EIGHT),
    Goal("signals", *SIGNALS, "per second", 0.9, at_least=True),
    Goal("signals", *SIGNALS, "CPU µs: services and proxies", 1.11, at_least=False),
)


def goals_reached(results: Results) -> Iterator[tuple[Goal, Summary]]:
    """Yield each goal that the results have a ratio for, with this ratio."""
    for goal in GOALS:
        if ratio := goal.measured(results):
            yield goal, ratio
