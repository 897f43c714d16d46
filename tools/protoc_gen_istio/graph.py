"""The call graph: contracts and declarations of the services, joined."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tools.protoc_gen_istio import contracts as reading
from tools.protoc_gen_istio.contracts import Contract, Method
from tools.protoc_gen_istio.declarations import Declaration


@dataclass(frozen=True)
class Graph:
    """All services with their methods and calls."""

    contracts: Mapping[str, Contract]
    """Proto services by full name."""
    declarations: Sequence[Declaration]

    @cached_property
    def methods(self) -> dict[str, Method]:
        """Return every method by its name."""
        return reading.by_name(self.contracts)

    def served(self, declared: Declaration) -> list[Contract]:
        """Return the contracts that a service implements."""
        return [self.contracts[name] for name in declared.serves if name in self.contracts]

    def own(self, declared: Declaration) -> list[Method]:
        """Return the methods that a service implements."""
        return [method for contract in self.served(declared) for method in contract.methods]

    @cached_property
    def servers(self) -> dict[str, str]:
        """Return the implementing service by the full name of the proto service."""
        return {name: declared.service for declared in self.declarations for name in declared.serves}

    @cached_property
    def callers(self) -> dict[str, list[str]]:
        """Return the calling services by the name of the method."""
        callers: dict[str, list[str]] = {name: [] for name in self.methods}
        for declared in self.declarations:
            for name in dict.fromkeys(call.method for call in declared.calls):
                callers.setdefault(name, []).append(declared.service)
        return callers

    def callees(self, declared: Declaration) -> list[str]:
        """Return the services that a service calls, sorted."""
        names = (self.servers.get(call.method.partition("/")[0]) for call in declared.calls)
        return sorted({name for name in names if name})

    def chains(self) -> Iterator[tuple[str, ...]]:
        """Yield every path along the calls, from a service to one without calls or one that is on the path already."""
        callees = {declared.service: self.callees(declared) for declared in self.declarations}

        def walk(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
            next_services = callees.get(path[-1], [])
            if path[-1] in path[:-1] or not next_services:
                yield path
                return
            for name in next_services:
                yield from walk((*path, name))

        for name in callees:
            yield from walk((name,))
