"""What contradicts itself in contracts and declarations: each fault names its place, and what to do."""

from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Audience, Contract, Method
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.settings import Settings


def faults(graph: Graph, known_messages: set[str], settings: Settings) -> list[str]:
    """Answer every fault, a line each."""
    found: list[str] = []
    for contract in graph.contracts.values():
        found += _contract(graph, contract)
    for declared in graph.declarations:
        found += _declared(graph, declared, known_messages)
        found += _nesting(graph, declared)
    return found + list(_shape(graph, settings))


def _contract(graph: Graph, contract: Contract) -> Iterator[str]:
    if contract.name not in graph.servers and contract.methods:
        yield f"{contract.where}: {contract.name} is served by nobody: list it under `serves` of a service.yaml"
    for method in contract.methods:
        yield from (f"{method.where}: {method.short} {fault}" for fault in _options(method))


def _options(method: Method) -> Iterator[str]:
    if method.http and not method.public:
        yield "has a path over HTTP, but no audience: say who may call it, (mesh.options.v1.method).audience"
    if method.roles and method.audience is not Audience.SIGNED_IN:
        yield "asks for roles of callers who need not sign in: its audience is AUDIENCE_SIGNED_IN, or the roles go"
    if any(not role or role != role.strip() for role in method.roles) or len({*method.roles}) != len(method.roles):
        yield "has a role that is empty, or stands twice"
    if method.timeout_given and method.stream:
        yield "is a stream, which lasts as long as its caller likes: no timeout"
    elif method.timeout_ms is not None and method.timeout_ms < 1:
        yield "has a timeout below 1 ms"


def _declared(graph: Graph, declared: Declaration, known_messages: set[str]) -> Iterator[str]:
    yield from (
        f"{declared.file}: serves {name}, which is in no contract"
        for name in declared.serves
        if name not in graph.contracts
    )
    own = {method.short for method in graph.own(declared)}
    for call in declared.calls:
        if call.method not in graph.methods:
            yield f"{call.where}: calls {call.method}, which is no method of any contract"
        elif call.method.partition("/")[0] in declared.serves:
            yield f"{call.where}: calls {call.method}, which is its own"
        yield from (f"{call.where}: during {name}, which is no method of its own" for name in set(call.during) - own)
    emitted = {name for each in graph.declarations for name in each.emits}
    for name in (*declared.emits, *declared.consumes):
        if name not in known_messages:
            yield f"{declared.file}: {name} is no message of any contract"
    yield from (
        f"{declared.file}: consumes {name}, which nobody emits"
        for name in declared.consumes
        if name in known_messages - emitted
    )


def _nesting(graph: Graph, declared: Declaration) -> Iterator[str]:
    """A method takes no less time than the calls it waits for, one after the other."""
    known = [call for call in declared.calls if call.method in graph.methods]
    for method in graph.own(declared):
        waited = [(call, graph.methods[call.method]) for call in known if method.short in call.during]
        endless = [callee.short for _, callee in waited if callee.timeout_ms is None]
        needed = sum(callee.timeout_ms or 0 for _, callee in waited)
        if method.timeout_ms is None:
            continue
        place = f"{method.where}: {method.short} is given {_seconds(method.timeout_ms)}"
        if endless:
            yield f"{place}, but waits for {', '.join(endless)}, which may last for ever ({waited[0][0].where})"
        elif needed > method.timeout_ms:
            parts = ", ".join(f"{callee.short} {_seconds(callee.timeout_ms or 0)}" for _, callee in waited)
            yield (
                f"{place}, but waits for calls that may take {_seconds(needed)} together "
                f"({parts}; {waited[0][0].where}): give it more, or them less"
            )


def _shape(graph: Graph, settings: Settings) -> Iterator[str]:
    files = {declared.service: declared.file for declared in graph.declarations}
    cycles, long = set(), set()
    for chain in graph.chains():
        if chain[-1] in chain[:-1]:
            cycle = chain[chain.index(chain[-1]) :]
            # One and the same, wherever it is entered.
            first = cycle.index(min(cycle[:-1]))
            cycles.add((*cycle[first:-1], *cycle[:first], cycle[first]))
        elif len(chain) > settings.max_depth:
            long.add(chain)
    for cycle in sorted(cycles):
        yield f"{files[cycle[0]]}: {' → '.join(cycle)}: services call each other in a circle: let one tell by events"
    for chain in sorted(long):
        yield (
            f"{files[chain[0]]}: {' → '.join(chain)}: {len(chain)} services wait for each other, "
            f"{settings.max_depth} may: let one keep what it needs to know"
        )


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"
