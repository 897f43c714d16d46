"""The consumers of a changed element: its callers, the consumers of its events, and callers from outside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.breaking.behaviour import read
from tools.breaking.findings import Finding, Reach
from tools.breaking.image import Element
from tools.breaking.mentions import Code
from tools.breaking.sources import State
from tools.protoc_gen_istio.contracts import by_name

OUTSIDE = "outside"
MAX_NAMES = 4
"""How many methods or events the report names per consumer."""


@dataclass(frozen=True)
class Consumer:
    """A service, or the callers outside, that a change affects."""

    name: str
    usage: str
    """How it uses the changed element, in words."""
    lines: tuple[str, ...] = ()
    """The lines of its code that name the changed element: `file:line`."""
    only_serves: bool = False
    """Whether it serves the changed element, and does not consume it."""


class Consumers:
    """The consumers that both states declare: programs of the older state are still running."""

    def __init__(self, older: State, newer: State) -> None:
        self._image = older.image
        self._methods = by_name(read(older.image))
        declared = (*older.declared, *newer.declared)
        names = {each.service for each in declared}
        self._declared = {name: [each for each in declared if each.service == name] for name in sorted(names)}
        self._code = {name: Code(_folder(newer, name), newer.folder, older.image) for name in self._declared}

    def affected_by(self, finding: Finding) -> list[Consumer]:
        """Return the consumers that a change affects, callers from outside last."""
        if finding.users:
            return [Consumer(name, usage) for name, usage in finding.users]
        methods = [method for method in self._image.of_kind("method") if self._is_affected(method, finding)]
        public = [method for method in methods if self._methods[method.name].public]
        consumers = list(self._services(methods, finding)) if finding.reach != Reach.OUTSIDE else []
        if public:
            usage = f"calls {_some(_short(method.name) for method in public)} through the gateway"
            consumers.append(Consumer(OUTSIDE, usage))
        return consumers

    def _services(self, methods: list[Element], finding: Finding) -> Iterator[Consumer]:
        names = {method.name for method in methods}
        for service, declared in self._declared.items():
            calls = {call.method: call.on_demand for each in declared for call in each.calls if call.method in names}
            events = {
                verb: [event for each in declared for event in getattr(each, verb) if self._contains(event, finding)]
                for verb in ("consumes", "emits")
                if finding.reach == Reach.ALL
            }
            uses = {
                "calls": [_short(name) for name, on_demand in calls.items() if not on_demand],
                "calls on demand": [_short(name) for name, on_demand in calls.items() if on_demand],
                **{verb: [event.rpartition(".")[2] for event in names] for verb, names in events.items()},
            }
            served = {method.parent for method in methods} & {name for each in declared for name in each.serves}
            only_serves = not any(uses.values())
            if not only_serves or served:
                usage = [f"{verb} {_some(dict.fromkeys(used))}" for verb, used in uses.items() if used]
                usage += ["serves it"] if served else []
                lines = self._code[service].lines(self._elements(finding))
                yield Consumer(service, "; ".join(usage), lines, only_serves)

    def _elements(self, finding: Finding) -> list[Element]:
        """Return the elements of a finding that code may name."""
        if finding.element and finding.element.kind == "service":
            return list(self._image.children(finding.element.name))
        if finding.element:
            return [finding.element]
        return [self._image.elements[name] for name in sorted(finding.holders) if name in self._image.elements]

    def _is_affected(self, method: Element, finding: Finding) -> bool:
        """Return whether a method is changed, or its request or response contains the change."""
        if finding.holders & {method.name, method.parent}:
            return True
        types = self._image.method(method)
        reachable = self._image.reach(types.input_type.full_name)
        if finding.reach != Reach.SENDERS:
            reachable |= self._image.reach(types.output_type.full_name)
        return bool(finding.holders & reachable)

    def _contains(self, event: str, finding: Finding) -> bool:
        return event in self._image.elements and bool(finding.holders & self._image.reach(event))


def _folder(state: State, service: str) -> Path:
    declared = next((each for each in state.declared if each.service == service), None)
    return Path(declared.file).parent if declared else state.folder / "services" / service


def _short(method: str) -> str:
    return method.rpartition("/")[2]


def _some(names: Iterable[str]) -> str:
    every_name = list(names)
    more = f" and {len(every_name) - MAX_NAMES} more" if len(every_name) > MAX_NAMES else ""
    return ", ".join(every_name[:MAX_NAMES]) + more
