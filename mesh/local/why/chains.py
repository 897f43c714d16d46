"""Which further calls between services `make generate` would refuse: the advice must not be to declare them."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.local.matrix.declared import Method, Service

MAX_SERVICES = 3
"""How many services may wait for each other (max_depth in tools/protoc_gen_istio/settings.py)."""


def refusal(services: Sequence[Service], methods: Sequence[Method], caller: str, callee: str) -> str:
    """Return why a service may not call another one, and what to do instead; empty if it may."""
    if caller == callee:
        return f"{caller} serves it: use its code instead of a call"
    servers = {method.name: method.service for method in methods}
    calls = {each.name: {servers[call.method] for call in each.calls} for each in services}
    calls[caller] = calls.get(caller, set()) | {callee}
    for chain in (chain for service in calls for chain in _chains(calls, (service,))):
        text = " → ".join(chain)
        if chain[-1] in chain[:-1]:
            return f"{text} would be a cycle: let {caller} consume an event of {callee} instead of a call"
        if len(chain) > MAX_SERVICES:
            return f"{text} would be {len(chain)} services that wait for each other: let {caller} store what it needs"
    return ""


def _chains(calls: Mapping[str, set[str]], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield every path along the calls, to a service that calls none, or that is on the path already."""
    callees = calls.get(path[-1], set())
    if path[-1] in path[:-1] or not callees:
        yield path
        return
    for callee in sorted(callees):
        yield from _chains(calls, (*path, callee))
