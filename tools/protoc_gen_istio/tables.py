"""The generated policies as tables: the README of their folder."""

from collections.abc import Iterable, Iterator

from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.destinations import MAX_STREAMS, tier
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.routes import RETRIES, duration

NONE = "-"
PIPE = r"\|"


def readme(graph: Graph) -> Iterator[str]:
    """Yield the lines of the README: every method with its callers, and every service with its calls and events."""
    yield "# Every method and every service: callers, timeouts, limits, events"
    yield ""
    yield "`make generate` writes this file from the contracts and the `service.yaml` of each service. Do not edit it."
    yield "In the contracts, options define who may call a method from outside and its timeout, and `idempotency_level`"
    yield "defines whether it is retried. The `service.yaml` of a service lists the methods that it calls."
    yield ""
    yield "## Every method"
    yield "| method | from outside | from inside | timeout | attempts |"
    yield "|---|---|---|---|---|"
    for declared in graph.declarations:
        yield from (_row(graph, method) for method in graph.own(declared))
    yield ""
    yield "A timeout covers all attempts. A stream has no timeout and is retried only before its first response."
    yield ""
    yield "## Every service"
    yield "Calls in flight are counted at two places: at each instance, from all callers; and at each calling proxy, to"
    yield "all instances."
    yield ""
    yield "| service | owner | tier | calls in flight | calls | emits | consumes |"
    yield "|---|---|---|---|---|---|---|"
    for declared in graph.declarations:
        served = graph.served(declared)
        owners = ", ".join(dict.fromkeys(contract.owner for contract in served if contract.owner))
        streams = any(method.stream for method in graph.own(declared))
        level = tier(served) if served else None
        flight = f"{level.value}{f', and {MAX_STREAMS} streams' if streams else ''}" if level else ""
        cells = [
            declared.service,
            owners,
            level.name if level else "",
            flight,
            ", ".join(graph.callees(declared)),
            _names(declared.emits),
            _names(declared.consumes),
        ]
        yield f"| {' | '.join(cell.replace('|', PIPE) or NONE for cell in cells)} |"


def _row(graph: Graph, method: Method) -> str:
    outside = {
        Audience.UNSPECIFIED: NONE,
        Audience.ANYONE: "anyone",
        Audience.SIGNED_IN: f"users with the role {' or '.join(method.roles)}" if method.roles else "users",
    }[method.audience]
    if method.calls_per_minute:
        outside += f", {method.calls_per_minute} calls a minute"
    inside = ", ".join(graph.callers[method.name]) or NONE
    timeout = NONE if method.timeout_ms is None else duration(method.timeout_ms)
    return f"| `{method.name}` | {outside} | {inside} | {timeout} | {1 + RETRIES * method.retryable} |"


def _names(messages: Iterable[str]) -> str:
    return ", ".join(name.rpartition(".")[2] for name in messages)
