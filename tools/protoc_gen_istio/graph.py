"""Who calls whom: the contracts and the services' declarations, joined."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tools.protoc_gen_istio import contracts as reading
from tools.protoc_gen_istio.contracts import Contract, Method
from tools.protoc_gen_istio.declarations import Call, Declaration


@dataclass(frozen=True)
class Graph:
    """All services, with their methods and calls."""

    contracts: Mapping[str, Contract]
    """Proto services by their full names."""
    declarations: Sequence[Declaration]

    @cached_property
    def methods(self) -> dict[str, Method]:
        """Every method by its name."""
        return reading.by_name(self.contracts)

    def served(self, declared: Declaration) -> list[Contract]:
        """Answer the contracts that a service implements."""
        return [self.contracts[name] for name in declared.serves if name in self.contracts]

    def own(self, declared: Declaration) -> list[Method]:
        """Answer the methods of a service, as its contracts have them."""
        return [method for contract in self.served(declared) for method in contract.methods]

    @cached_property
    def servers(self) -> dict[str, str]:
        """The service that implements it, by a proto service's full name."""
        return {name: declared.service for declared in self.declarations for name in declared.serves}

    @cached_property
    def callers(self) -> dict[str, list[str]]:
        """The services that call it, by a method's name."""
        found: dict[str, list[str]] = {name: [] for name in self.methods}
        for declared in self.declarations:
            for name in dict.fromkeys(call.method for call in declared.calls):
                found.setdefault(name, []).append(declared.service)
        return found

    def callees(self, declared: Declaration) -> list[str]:
        """Answer the services that a service calls."""
        names = (self.servers.get(call.method.partition("/")[0]) for call in declared.calls)
        return sorted({name for name in names if name})

    def waits(self, declared: Declaration) -> Iterator[tuple[Method, list[tuple[Call, Method]]]]:
        """Answer the methods of a service that wait for calls, with these."""
        for method in self.own(declared):
            calls = [(call, self.methods[call.method]) for call in declared.calls if method.short in call.during]
            if calls:
                yield method, calls

    def chains(self) -> Iterator[tuple[str, ...]]:
        """Answer every way from a service along its calls to one that calls nobody, or back to one on the way."""
        following = {declared.service: self.callees(declared) for declared in self.declarations}

        def walk(way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
            onward = following.get(way[-1], [])
            if way[-1] in way[:-1] or not onward:
                yield way
                return
            for name in onward:
                yield from walk((*way, name))

        for name in following:
            yield from walk((name,))
