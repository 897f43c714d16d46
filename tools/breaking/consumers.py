"""For whom a change breaks: who calls what holds it, who is told of it, who reaches it from outside."""

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
MOST = 4
"""Methods or events that are named of one consumer."""


@dataclass(frozen=True)
class Consumer:
    """Somebody whom a change breaks, or who has to change with it."""

    name: str
    does: str
    """What makes it one, in words."""
    lines: tuple[str, ...] = ()
    """Where its code names what is changed: `file:line`."""
    serves: bool = False
    """Whether it serves what is changed, and consumes nothing of it."""


class Consumers:
    """Who consumes what, as both states declare it: programs of the older one are still running."""

    def __init__(self, older: State, newer: State) -> None:
        self._image = older.image
        self._methods = by_name(read(older.image))
        declared = (*older.declared, *newer.declared)
        names = {each.service for each in declared}
        self._declared = {name: [each for each in declared if each.service == name] for name in sorted(names)}
        self._code = {name: Code(_folder(newer, name), newer.folder, older.image) for name in self._declared}

    def of(self, finding: Finding) -> list[Consumer]:
        """Answer whom a change breaks, callers from outside last."""
        methods = [method for method in self._image.of_kind("method") if self._meets(method, finding)]
        public = [method for method in methods if self._methods[method.name].public]
        found = list(self._services(methods, finding)) if finding.reach != Reach.OUTSIDE else []
        if public:
            does = f"callers through the gateway, of {_some(_short(method.name) for method in public)}"
            found.append(Consumer(OUTSIDE, does))
        return found

    def _services(self, methods: list[Element], finding: Finding) -> Iterator[Consumer]:
        names = {method.name for method in methods}
        for service, declared in self._declared.items():
            calls = {call.method: call.on_demand for each in declared for call in each.calls if call.method in names}
            told = {
                kind: [event for each in declared for event in getattr(each, kind) if self._holds(event, finding)]
                for kind in ("consumes", "emits")
                if finding.reach == Reach.EVERYBODY
            }
            does = {
                "calls": [_short(name) for name, by_hand in calls.items() if not by_hand],
                "calls by hand": [_short(name) for name, by_hand in calls.items() if by_hand],
                **{kind: [event.rpartition(".")[2] for event in events] for kind, events in told.items()},
            }
            served = {method.parent for method in methods} & {name for each in declared for name in each.serves}
            serves = not any(does.values())
            if not serves or served:
                words = [f"{verb} {_some(dict.fromkeys(whom))}" for verb, whom in does.items() if whom]
                words += ["serves it"] if served else []
                yield Consumer(service, "; ".join(words), self._code[service].lines(self._elements(finding)), serves)

    def _elements(self, finding: Finding) -> list[Element]:
        """Answer what code names of what is changed."""
        if finding.element and finding.element.kind == "service":
            return list(self._image.children(finding.element.name))
        if finding.element:
            return [finding.element]
        return [self._image.elements[name] for name in sorted(finding.holders) if name in self._image.elements]

    def _meets(self, method: Element, finding: Finding) -> bool:
        """Whether a method is changed, or its request or response holds what is."""
        if finding.holders & {method.name, method.parent}:
            return True
        types = self._image.method(method)
        held = self._image.reach(types.input_type.full_name)
        if finding.reach != Reach.SENDERS:
            held |= self._image.reach(types.output_type.full_name)
        return bool(finding.holders & held)

    def _holds(self, event: str, finding: Finding) -> bool:
        return event in self._image.elements and bool(finding.holders & self._image.reach(event))


def _folder(state: State, service: str) -> Path:
    declared = next((each for each in state.declared if each.service == service), None)
    return Path(declared.file).parent if declared else state.folder / "services" / service


def _short(method: str) -> str:
    return method.rpartition("/")[2]


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - MOST} more" if len(known) > MOST else ""
    return ", ".join(known[:MOST]) + more
