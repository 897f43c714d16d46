"""The calls of the last hour by method, as the proxies of their callers count them, and the objectives they meet."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc

from mesh.local.canary.metrics import SERVER_ERRORS
from mesh.local.clients import metrics
from mesh.local.instance import Instance

WINDOW = "1h"
CALLS, DURATION = "mesh_rpc_requests_total", "mesh_rpc_duration_milliseconds"
ERROR_BUDGET, SLOW_BUDGET = "method:mesh_error_budget:ratio", "method:mesh_slow_budget:ratio"
STATUSES: Mapping[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


@dataclass(frozen=True)
class Count:
    """How many calls of one caller ended with one status."""

    caller: str
    status: str
    calls: float


@dataclass
class Recent:
    """The calls of a method in the last hour, and how they meet its objective."""

    calls: float = 0
    failed: float = 0
    """Those that failed through a fault of the service."""
    slow: float = 0
    """Those that took longer than the latency of the objective."""
    p99_ms: float | None = None
    error_budget: float | None = None
    """The share of the calls that may fail; None if the rules are not evaluated yet."""
    slow_budget: float | None = None
    """The share of the calls that may be slow; None for a stream."""
    counts: list[Count] = field(default_factory=list)

    @property
    def error_budget_used(self) -> float | None:
        """The used share of the error budget of these calls: above 1, the objective is missed."""
        return _used(self.failed, self.calls, self.error_budget)

    @property
    def slow_budget_used(self) -> float | None:
        """The same for slow calls."""
        return _used(self.slow, self.calls, self.slow_budget)


def recent_calls(mesh: Instance, method: str = "") -> dict[str, Recent]:
    """Return the calls of every method, or of one. A method without calls is missing unless it has an objective.

    Raises:
        MeshError: the store of metrics does not respond.
    """
    # increase_pure counts from zero: a series that is new in the window starts with its first call.
    where = f'{{method="{method}"}}' if method else ""
    by_caller = metrics.query(mesh, f"sum by (method, caller, grpc_status) (increase_pure({CALLS}{where}[{WINDOW}]))")
    buckets = f"sum by (method, le) (increase_pure({DURATION}_bucket{where}[{WINDOW}]))"
    return gather(
        by_caller,
        p99=metrics.query(mesh, f"histogram_quantile(0.99, {buckets})"),
        fast=metrics.query(mesh, f"sum by (method) ({buckets} and on (method, le) {SLOW_BUDGET}{where})"),
        measured=metrics.query(mesh, f"sum by (method) (increase_pure({DURATION}_count{where}[{WINDOW}]))"),
        error_budgets=metrics.query(mesh, f"{ERROR_BUDGET}{where}"),
        slow_budgets=metrics.query(mesh, f"{SLOW_BUDGET}{where}"),
    )


def gather(by_caller: list[metrics.Sample], **others: list[metrics.Sample]) -> dict[str, Recent]:
    """Return the samples of the queries by method."""
    found: dict[str, Recent] = {}
    for sample in by_caller:
        if sample.value >= 1:
            code = int(sample.labels["grpc_status"])
            of = found.setdefault(sample.labels["method"], Recent())
            of.calls += sample.value
            of.failed += sample.value if code in SERVER_ERRORS else 0
            of.counts.append(Count(sample.labels.get("caller", ""), STATUSES.get(code, str(code)), sample.value))
    for name in ("error_budgets", "slow_budgets"):
        for sample in others[name]:
            setattr(found.setdefault(sample.labels["method"], Recent()), name.removesuffix("s"), sample.value)
    values = {name: {each.labels.get("method", ""): each.value for each in samples} for name, samples in others.items()}
    for method, of in found.items():
        of.p99_ms = values["p99"].get(method)
        of.counts.sort(key=lambda count: (count.caller, -count.calls))
        if of.slow_budget is not None and method in values["fast"]:
            of.slow = max(values["measured"].get(method, 0) - values["fast"][method], 0)
    return found


def _used(bad: float, calls: float, budget: float | None) -> float | None:
    return None if budget is None or not calls else bad / (calls * budget)
