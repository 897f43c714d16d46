"""Contradictions in contracts and declarations. Each fault has its location and the remedy."""

from collections.abc import Iterator

from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.http_checks import http_faults
from tools.protoc_gen_istio.openapi import PATH
from tools.protoc_gen_istio.option_checks import option_faults
from tools.protoc_gen_istio.routes import TRAFFIC
from tools.protoc_gen_istio.settings import Settings

CORRECT = "correct the name, or add it to a contract"
GENERATED = frozenset(
    ("gateway", "kustomization", "method-limits", "metrics", "openapi", "public-methods", "rate-limits", "transcoding")
)
"""Names of generated files and manifests that belong to no service."""
SUFFIXES = ("-public", f"-{TRAFFIC}")
"""Of the names of a service's further routes."""


def faults(graph: Graph, elements: Elements, settings: Settings) -> list[str]:
    """Return all faults, one line each."""
    lines: list[str] = []
    for contract in graph.contracts.values():
        if contract.name not in graph.servers and contract.methods:
            lines.append(
                f"{contract.location}: no service serves {contract.name}: list it under `serves` of a service.yaml"
            )
        lines += option_faults(contract)
    lines += http_faults(list(graph.methods.values()), elements, (PATH, *settings.gateway_paths.split()))
    for declared in graph.declarations:
        lines += _name(graph, declared)
        lines += _calls(graph, declared)
        lines += _events(graph, declared, elements)
        lines += _nesting(graph, declared)
    return lines + list(_shape(graph, settings))


def _name(graph: Graph, declared: Declaration) -> Iterator[str]:
    """Yield a fault if the manifests of a service would replace others."""
    name = declared.service
    services = {each.service for each in graph.declarations}
    bases = [name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)]
    taken = [f"the generated {name}.yaml"] if name in GENERATED else []
    taken += [f"a route of {base}" for base in bases if base in services]
    for other in taken:
        yield f"{declared.location('service', name)}: service {name} has the name of {other}: choose another name"


def _calls(graph: Graph, declared: Declaration) -> Iterator[str]:
    for name in declared.serves:
        if name not in graph.contracts:
            yield f"{declared.location('serves', name)}: serves {name}, which no contract declares: {CORRECT}"
    own = {method.short for method in graph.own(declared)}
    for call in declared.calls:
        if call.method not in graph.methods:
            yield f"{call.location}: calls {call.method}, which no contract declares: {CORRECT}"
        elif call.method.partition("/")[0] in declared.serves:
            yield f"{call.location}: calls {call.method}, which it serves itself: remove the call"
        for name in sorted(set(call.during) - own):
            yield f"{call.location}: during {name}, which is not a method that it serves: {CORRECT}"


def _events(graph: Graph, declared: Declaration, elements: Elements) -> Iterator[str]:
    emitted = {name for each in graph.declarations for name in each.emits}
    for key, names in (("emits", declared.emits), ("consumes", declared.consumes)):
        for name in names:
            if name not in elements.messages:
                yield f"{declared.location(key, name)}: {key} {name}, but no contract declares the message: {CORRECT}"
            elif name not in emitted:
                yield (
                    f"{declared.location(key, name)}: {key} {name}, which no service emits: "
                    "add it to `emits` of a service.yaml, or remove it"
                )


def _nesting(graph: Graph, declared: Declaration) -> Iterator[str]:
    """Yield the methods whose timeout is shorter than the calls that they wait for, one after the other."""
    known = [call for call in declared.calls if call.method in graph.methods]
    for method in graph.own(declared):
        waited = [(call, graph.methods[call.method]) for call in known if method.short in call.during]
        endless = [callee.short for _, callee in waited if callee.timeout_ms is None]
        needed = sum(callee.timeout_ms or 0 for _, callee in waited)
        if method.timeout_ms is None:
            continue
        prefix = f"{method.location}: {method.short} has a timeout of {_seconds(method.timeout_ms)}"
        if endless:
            yield (
                f"{prefix}, but waits for {', '.join(endless)}, which has none ({waited[0][0].location}): "
                "remove it from `during`, or set its timeout"
            )
        elif needed > method.timeout_ms:
            parts = ", ".join(f"{callee.short} {_seconds(callee.timeout_ms or 0)}" for _, callee in waited)
            yield (
                f"{prefix}, but waits for calls that may take {_seconds(needed)} in total "
                f"({parts}; {waited[0][0].location}): raise its timeout, or lower theirs"
            )


def _shape(graph: Graph, settings: Settings) -> Iterator[str]:
    cycles, long = set(), set()
    for chain in graph.chains():
        if chain[-1] in chain[:-1]:
            cycle = chain[chain.index(chain[-1]) :]
            # Rotated to start at its first name, so that one cycle is reported once.
            first = cycle.index(min(cycle[:-1]))
            cycles.add((*cycle[first:-1], *cycle[:first], cycle[first]))
        elif len(chain) > settings.max_depth:
            long.add(chain)
    for cycle in sorted(cycles):
        names = " → ".join(cycle)
        yield f"{_first_call(graph, cycle)}: {names}: services call each other in a cycle: replace a call by an event"
    for chain in sorted(long):
        yield (
            f"{_first_call(graph, chain)}: {' → '.join(chain)}: {len(chain)} services wait for each other, "
            f"at most {settings.max_depth} may: let one of them store the data that it needs"
        )


def _first_call(graph: Graph, chain: tuple[str, ...]) -> str:
    """Return `file:line` of a call from the first service of a chain to the second one."""
    [caller] = [declared for declared in graph.declarations if declared.service == chain[0]]
    contracts = {name for name, service in graph.servers.items() if service == chain[1]}
    return next(call.location for call in caller.calls if call.method.partition("/")[0] in contracts)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"
