"""Recording rules: the objective of every method, and how its calls meet it in each window.

`mesh_rpc_requests_total` and `mesh_rpc_duration_milliseconds` are measured at the proxies of the callers. The rules in
mesh/observability/rules make them from what Envoy or istio-proxy count.
"""

from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Contract
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_signals.profiles import HOURS, Burn, Profile
from tools.protoc_gen_signals.rules import Group, Recording

ERRORS = "2|4|12|13|14|15"
"""UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: failures through a fault of the service.

The other statuses are valid responses to a caller that sent something invalid, too much, or gave up.
"""
SIGNALS = ("errors", "slow")
ERROR_BUDGET, SLOW_BUDGET = "method:mesh_error_budget:ratio", "method:mesh_slow_budget:ratio"
BURNING_METHOD, BURNING = "method:mesh_burning:bool", "service:mesh_burning:bool"
CALLS, DURATION = "mesh_rpc_requests_total", "mesh_rpc_duration_milliseconds"


def labels_of(service: str, contract: Contract) -> dict[str, str]:
    """Return the labels of an alert about a service."""
    owner = {"owner": contract.owner} if contract.owner else {}
    return {"service": service, **owner, "tier": contract.tier.name.lower()}


def objectives(graph: Graph, profile: Profile) -> Group:
    """Return the constants: how many of the calls of each method may fail or be slow, as a ratio."""
    return Group("objectives", profile.slow_interval, list(_objectives(graph)))


def _objectives(graph: Graph) -> Iterator[Recording]:
    for declared in graph.declarations:
        for contract in graph.served(declared):
            for method in contract.methods:
                labels = {**labels_of(declared.service, contract), "method": method.name}
                yield Recording(ERROR_BUDGET, f"vector({budget(method.objective.available_percent)})", labels)
                if method.objective.fast_percent:
                    bound = {"le": f"{method.objective.latency_ms}"}
                    yield Recording(SLOW_BUDGET, f"vector({budget(method.objective.fast_percent)})", labels | bound)


def budget(percent: float | None) -> str:
    """Return the ratio of calls that an objective leaves: "0.001" for 99.9 %."""
    return f"{1 - (percent or 0) / 100:.6f}".rstrip("0")


def indicators(graph: Graph, profile: Profile) -> Iterator[Group]:
    """Yield the rules of each window, and of what follows from them, grouped by how often they are evaluated."""
    slow = [window for window in profile.windows if window[-1] in HOURS and window != "1h"]
    fast = [window for window in profile.windows if window not in slow]
    bounds = sorted({method.objective.latency_ms or 0 for method in graph.methods.values()} - {0})
    for name, interval, windows in (
        ("indicators", profile.interval, fast),
        ("slow-indicators", profile.slow_interval, slow),
    ):
        if windows:
            yield Group(name, interval, [rule for window in windows for rule in _window(window, bounds)])
    yield Group("burning", profile.interval, list(_burning(profile)))


def _window(window: str, bounds: list[int]) -> Iterator[Recording]:
    calls = f"sum by (service, method) (increase({CALLS}[{window}]))"
    yield Recording(f"method:mesh_calls:increase{window}", calls)
    yield Recording(
        ratio("errors", window),
        f"""
        (
          sum by (service, method) (increase({CALLS}{{grpc_status=~"{ERRORS}"}}[{window}]))
          or
          0 * {calls}
        )
        / clamp_min({calls}, 1)
        """,
    )
    # Only the bound of the method's objective counts. Without calls nothing is slow, so the divisor is at least one.
    # The two metrics may be recorded at different moments, so their difference may be below zero.
    fast = "|".join(map(str, bounds))
    measured = f"sum by (service, method) (increase({DURATION}_count[{window}]))"
    yield Recording(
        ratio("slow", window),
        f"""
        clamp_min(
          {measured}
          - sum by (service, method) (
            increase({DURATION}_bucket{{le=~"{fast}"}}[{window}])
            and on (service, method, le) {SLOW_BUDGET}
          ),
          0
        )
        / clamp_min({measured}, 1)
        """,
    )


def ratio(signal: str, window: str) -> str:
    """Return the name of the metric with the share of bad calls in a window."""
    return f"method:mesh_{signal}:ratio{window}"


def _burning(profile: Profile) -> Iterator[Recording]:
    for severity, burns in (("page", profile.page), ("ticket", profile.ticket)):
        for signal, allowed in zip(SIGNALS, (ERROR_BUDGET, SLOW_BUDGET), strict=True):
            if burns:
                terms = "\nor\n".join(_burn(burn, signal, allowed, profile.min_bad) for burn in burns)
                expr = f"max by (service, method) (\n{terms}\n)"
                yield Recording(BURNING_METHOD, expr, {"signal": signal, "severity": severity})
    yield Recording(BURNING, f"max by (service, signal, severity) ({BURNING_METHOD})")


def _burn(burn: Burn, signal: str, allowed: str, min_bad: int) -> str:
    long, short = ratio(signal, burn.long), ratio(signal, burn.short)
    limit = f"{burn.factor:g} * {allowed}"
    return f"""\
  label_replace(
    ({limit} < bool on (service, method) group_left () {long})
    * on (service, method) group_left () ({limit} < bool on (service, method) group_left () {short})
    * on (service, method) group_left () ({long} * method:mesh_calls:increase{burn.long} > bool {min_bad - 0.5:g}),
    "window", "{burn.long}", "", ""
  )"""
