"""Who waits for whom: the declared calls have no cycle, and no chain of them is long."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tools.protoc_gen_istio.declarations import Declaration

MOST_DEEP = 3
"""Services in a row, each of which waits for the next; the gateway stands before the first."""
INSTEAD = "let the first of them ask, or have it told by an event (`emits`, `consumes`)"


def bounded(declarations: Sequence[Declaration]) -> Iterator[str]:
    """Answer the cycles, the chains that are too long, and the calls of nobody's methods."""
    owners = {name: declared.service for declared in declarations for name in declared.serves}
    callees: defaultdict[str, set[str]] = defaultdict(set)
    for declared in declarations:
        for call in declared.calls:
            if owner := owners.get(call.method.partition("/")[0]):
                callees[declared.service].add(owner)
            else:
                yield f"{call.where}: {call.method} is served by nobody: list it under `serves` of its service"
    cycles: set[frozenset[str]] = set()
    for chain in _chains(callees):
        if chain[-1] in chain[:-1]:
            cycle = chain[chain.index(chain[-1]) :]
            if frozenset(cycle) not in cycles:
                cycles.add(frozenset(cycle))
                yield f"{' → '.join(cycle)} is a cycle of calls: {INSTEAD}"
        elif len(chain) > MOST_DEEP:
            yield f"{' → '.join(chain)} is a chain of {len(chain)} services, {MOST_DEEP} at most: {INSTEAD}"


def _chains(callees: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Answer every chain of calls up to its first service that comes twice, or one service too many."""
    chains = [[service] for service in sorted(callees)]
    while chains:
        chain = chains.pop(0)
        yield chain
        if chain[-1] not in chain[:-1] and len(chain) <= MOST_DEEP:
            chains += [[*chain, callee] for callee in sorted(callees.get(chain[-1], ()))]
