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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


def load(folder: Path) -> list[Declaration]:
    """Read every `<service>/service.yaml` of a folder and return the declarations, sorted by service.

    Raises DeclarationError with all faults of all files.
    """
    declarations: list[Declaration] = []
    faults: list[str] = []
    for path in sorted(folder.glob(f"*/{FILE}")):
        reader = _Reader(path.as_posix())
        declared = reader.read(path.read_text(encoding="utf-8"))
        faults += reader.faults
        if declared:
            declarations.append(declared)
    faults += _duplicates(declarations)
    if faults:
        raise DeclarationError("\n".join(faults))
    return sorted(declarations, key=lambda declared: declared.service)


def _duplicates(declarations: Sequence[Declaration]) -> Iterator[str]:
    """Yield a fault for each name that two files claim."""
    owners: dict[tuple[str, str], str] = {}
    for declared in declarations:
        for key, names in (
            ("service", (declared.service,)),
            ("serves", declared.serves),
            ("emits", declared.emits),
            ("owns", declared.owns),
        ):
            for name in names:
                first = owners.setdefault((key, name), declared.file)
                if first != declared.file:
                    yield f"{declared.file}: {key}: {first} has {name} already"


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
            self._fault(mark.line if mark else 0, f"not YAML: {getattr(error, 'problem', None) or error}")
            return None
        if not isinstance(root, yaml.MappingNode):
            self._fault(0, "expected a mapping that starts with `service:`")
            return None
        values = self._mapping(root, KEYS)
        name = self._text(values["service"], NAME) if "service" in values else ""
        if "service" not in values:
            self._fault(0, "has no `service`")
        lists = {key: tuple(self._texts(values[key])) if key in values else () for key in LISTS}
        calls = tuple(self._calls(values["calls"])) if "calls" in values else ()
        return Declaration(name, self._file, calls=calls, **lists)

    def _calls(self, node: yaml.Node) -> Iterator[Call]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node.start_mark.line, "`calls` is not a list")
            return
        for entry in node.value:
            values = self._mapping(entry, CALL_KEYS)
            if missing := {"to", "methods"} - values.keys():
                self._fault(entry.start_mark.line, f"a call without `{'`, `'.join(sorted(missing))}`")
                continue
            to = self._text(values["to"], SYMBOL)
            during = tuple(self._texts(values["during"])) if "during" in values else ()
            on_demand = self._flag(values["on_demand"]) if "on_demand" in values else False
            location = f"{self._file}:{entry.start_mark.line + 1}"
            yield from (Call(f"{to}/{name}", during, on_demand, location) for name in self._texts(values["methods"]))

    def _mapping(self, node: yaml.Node, allowed: set[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node.start_mark.line, f"expected a mapping of {', '.join(sorted(allowed))}")
            return {}
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in allowed:
                self._fault(key.start_mark.line, f"unknown key `{name}`; known are {', '.join(sorted(allowed))}")
            elif name in values:
                self._fault(key.start_mark.line, f"duplicate key `{name}`")
            values[name] = value
        return values

    def _texts(self, node: yaml.Node) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node.start_mark.line, "expected a list")
            return
        seen: set[str] = set()
        for entry in node.value:
            text = self._text(entry)
            if text in seen:
                self._fault(entry.start_mark.line, f"duplicate entry {text}")
            seen.add(text)
            yield text

    def _text(self, node: yaml.Node, pattern: re.Pattern[str] | None = None) -> str:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if not text or (pattern and not pattern.fullmatch(text)):
            self._fault(node.start_mark.line, f"{text!r} is not a valid name" if text else "expected a name")
        return text

    def _flag(self, node: yaml.Node) -> bool:
        value: Any = yaml.safe_load(str(node.value)) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(value, bool):
            self._fault(node.start_mark.line, "expected true or false")
        return bool(value)

    def _fault(self, line: int, text: str) -> None:
        self.faults.append(f"{self._file}:{line + 1}: {text}")
