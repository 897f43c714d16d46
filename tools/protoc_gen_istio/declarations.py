"""The declarations of the services: each service.yaml lists what a service serves, calls, emits, consumes and owns.

service: orders                                 # its label `app`, its ServiceAccount and the first part of its host
serves: [shop.orders.v1.OrdersService]
calls:
  - to: shop.catalog.v1.CatalogService
    methods: [BatchGetProducts]
    during: [PlaceOrder]                        # its methods that make these calls while their caller waits
  - to: shop.identity.v1.IdentityService
    methods: [GetUser]
    on_demand: true                             # made by a person, not by code
emits: [shop.orders.v1.OrderPlaced]             # full names of messages
consumes: [shop.orders.v1.OrderPlaced]
owns: [orders.shop.example/Order]               # resource types of google.api.resource

Only `service` is required.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

FILE = "service.yaml"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
SYMBOL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
LISTS = ("serves", "emits", "consumes", "owns")
KEYS = {"service", "calls", *LISTS}
CALL_KEYS = {"to", "methods", "during", "on_demand"}


class DeclarationError(Exception):
    """A service.yaml is invalid. The text has one line for each fault: file, line and what is wrong."""


@dataclass(frozen=True)
class Call:
    """A method that a service calls. Its name is "<package>.<Service>/<Method>"."""

    method: str
    during: tuple[str, ...] = ()
    """The caller's methods that make this call while their caller waits; empty if no caller waits."""
    on_demand: bool = False
    """Whether a person makes the call, and the service's code does not."""
    location: str = field(default="", compare=False)
    """`file:line`."""


@dataclass(frozen=True)
class Declaration:
    """One service.yaml."""

    service: str
    file: str
    serves: tuple[str, ...] = ()
    """Full names of the proto services that it implements."""
    calls: tuple[Call, ...] = ()
    emits: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
    """The line of each name in a list, by the key of the list."""

    def location(self, key: str = "", name: str = "") -> str:
        """Return `file:line` of a name in a list, or of the start of the file."""
        return f"{self.file}:{self.lines.get((key, name), 1)}"


def load(folder: Path) -> list[Declaration]:
    """Read every `<service>/service.yaml` of a folder and return the declarations, sorted by service.

    Raises DeclarationError with all faults of all files.
    """
    declarations: list[Declaration] = []
    faults: list[str] = []
    for path in sorted(folder.glob(f"*/{FILE}")):
        reader = _Reader(path.as_posix())
        try:
            declared = reader.read(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            faults.append(f"{path.as_posix()}:1: is not UTF-8: store it as UTF-8")
            continue
        faults += reader.faults
        if declared:
            declarations.append(declared)
    faults += _duplicates(declarations)
    if faults:
        raise DeclarationError("\n".join(faults))
    return sorted(declarations, key=lambda declared: declared.service)


def _duplicates(declarations: Sequence[Declaration]) -> Iterator[str]:
    """Yield a fault for each name that two files claim."""
    owners: dict[tuple[str, str], Declaration] = {}
    for declared in declarations:
        for key, names in (
            ("service", (declared.service,)),
            ("serves", declared.serves),
            ("emits", declared.emits),
            ("owns", declared.owns),
        ):
            for name in names:
                first = owners.setdefault((key, name), declared)
                if first is not declared:
                    yield (
                        f"{declared.location(key, name)}: {key} {name}, which {first.location(key, name)} has "
                        "already: remove it from one of them"
                    )


class _Reader:
    """Reads one file and collects its faults in `faults`."""

    def __init__(self, file: str) -> None:
        self.faults: list[str] = []
        self._file = file

    def read(self, text: str) -> Declaration | None:
        try:
            root = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = " ".join(str(getattr(error, "problem", None) or error).split())
            self._fault(mark.line if mark else 0, f"not YAML, {problem}: correct its syntax")
            return None
        if not isinstance(root, yaml.MappingNode):
            self._fault(0, "is no mapping: start it with `service: <name>`")
            return None
        values = self._mapping(root, KEYS)
        name = self._text(values["service"], NAME) if "service" in values else ""
        if "service" not in values:
            self._fault(0, "has no `service`: add `service: <name>`")
        lists = {key: tuple(self._texts(values[key])) if key in values else () for key in LISTS}
        calls = tuple(self._calls(values["calls"])) if "calls" in values else ()
        lines = {
            (key, str(entry.value)): entry.start_mark.line + 1
            for key, node in values.items()
            if key in LISTS and isinstance(node, yaml.SequenceNode)
            for entry in node.value
        }
        if "service" in values:
            lines["service", name] = values["service"].start_mark.line + 1
        return Declaration(name, self._file, calls=calls, lines=lines, **lists)

    def _calls(self, node: yaml.Node) -> Iterator[Call]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node.start_mark.line, "`calls` is no list: write `calls: [{to: …, methods: […]}]`")
            return
        for entry in node.value:
            values = self._mapping(entry, CALL_KEYS)
            if missing := {"to", "methods"} - values.keys():
                names = "` and `".join(sorted(missing))
                self._fault(entry.start_mark.line, f"a call without `{names}`: add what is missing")
                continue
            to = self._text(values["to"], SYMBOL)
            during = tuple(self._texts(values["during"])) if "during" in values else ()
            on_demand = self._flag(values["on_demand"]) if "on_demand" in values else False
            location = f"{self._file}:{entry.start_mark.line + 1}"
            yield from (Call(f"{to}/{name}", during, on_demand, location) for name in self._texts(values["methods"]))

    def _mapping(self, node: yaml.Node, allowed: set[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node.start_mark.line, f"is no mapping: write one of {', '.join(sorted(allowed))}")
            return {}
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "a list or a map"
            if name not in allowed:
                self._fault(key.start_mark.line, f"unknown key {name!r}: use one of {', '.join(sorted(allowed))}")
            elif name in values:
                self._fault(key.start_mark.line, f"has the key {name!r} twice: merge them")
            values[name] = value
        return values

    def _texts(self, node: yaml.Node) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node.start_mark.line, "is no list: write `[name, name]`")
            return
        seen: set[str] = set()
        for entry in node.value:
            text = self._text(entry)
            if text in seen:
                self._fault(entry.start_mark.line, f"has {text!r} twice: remove one")
            seen.add(text)
            yield text

    def _text(self, node: yaml.Node, pattern: re.Pattern[str] | None = None) -> str:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if not text or (pattern and not pattern.fullmatch(text)):
            self._fault(node.start_mark.line, f"has the name {text!r}: write a name as in the contracts")
        return text

    def _flag(self, node: yaml.Node) -> bool:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if text not in {"true", "false"}:
            self._fault(node.start_mark.line, f"has {text!r} where true or false belongs: write one of these")
        return text == "true"

    def _fault(self, line: int, text: str) -> None:
        self.faults.append(f"{self._file}:{line + 1}: {text}")
