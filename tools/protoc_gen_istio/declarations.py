"""What each service declares of itself in its service.yaml: the one place of who calls whom, and who tells whom.

service: orders                                 # its label `app`, its ServiceAccount and its host's first part
serves: [shop.orders.v1.OrdersService]
calls:
  - to: shop.catalog.v1.CatalogService
    methods: [BatchGetProducts]
    during: [PlaceOrder]                        # methods of its own whose callers wait for these calls
  - to: shop.identity.v1.IdentityService
    methods: [GetUser]
    on_demand: true                             # no code names them: a person does
emits: [shop.orders.v1.OrderPlaced]             # messages, by their full names
consumes: [shop.orders.v1.OrderPlaced]
owns: [orders.shop.example/Order]               # resource types, as google.api.resource has them

All but `service` may be left out.
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
    """Some service.yaml cannot be read. The text has a line for each fault: file, line, what is wrong."""


@dataclass(frozen=True)
class Call:
    """One method that a service calls: "<package>.<Service>/<Method>"."""

    method: str
    during: tuple[str, ...] = ()
    """Names of the caller's own methods whose callers wait for this call; empty if nobody does."""
    on_demand: bool = False
    """Whether a person asks for it, and no code names it."""
    where: str = field(default="", compare=False)
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
    """Read every `<service>/service.yaml` of a folder, in the order of their services' names.

    Raises DeclarationError, which names every fault of every file.
    """
    found: list[Declaration] = []
    faults: list[str] = []
    for path in sorted(folder.glob(f"*/{FILE}")):
        reader = _Reader(path.as_posix())
        declared = reader.read(path.read_text(encoding="utf-8"))
        faults += reader.faults
        if declared:
            found.append(declared)
    faults += _twice(found)
    if faults:
        raise DeclarationError("\n".join(faults))
    return sorted(found, key=lambda declared: declared.service)


def _twice(found: Sequence[Declaration]) -> Iterator[str]:
    """Answer what two files claim."""
    owners: dict[tuple[str, str], str] = {}
    for declared in found:
        for kind, names in (
            ("service", (declared.service,)),
            ("serves", declared.serves),
            ("emits", declared.emits),
            ("owns", declared.owns),
        ):
            for name in names:
                first = owners.setdefault((kind, name), declared.file)
                if first != declared.file:
                    yield f"{declared.file}: {kind}: {name} is {first}'s already"


class _Reader:
    """Reads one file; what is wrong with it gathers in `faults`."""

    def __init__(self, file: str) -> None:
        self.faults: list[str] = []
        self._file = file

    def read(self, text: str) -> Declaration | None:
        try:
            root = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            self._fault(mark.line if mark else 0, f"no YAML: {getattr(error, 'problem', None) or error}")
            return None
        if not isinstance(root, yaml.MappingNode):
            self._fault(0, "holds no mapping that begins with `service:`")
            return None
        found = self._mapping(root, KEYS)
        name = self._text(found["service"], NAME) if "service" in found else ""
        if "service" not in found:
            self._fault(0, "has no `service`")
        lists = {key: tuple(self._texts(found[key])) if key in found else () for key in LISTS}
        calls = tuple(self._calls(found["calls"])) if "calls" in found else ()
        return Declaration(name, self._file, calls=calls, **lists)

    def _calls(self, node: yaml.Node) -> Iterator[Call]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node.start_mark.line, "`calls` is no list")
            return
        for entry in node.value:
            found = self._mapping(entry, CALL_KEYS)
            if missing := {"to", "methods"} - found.keys():
                self._fault(entry.start_mark.line, f"a call without `{'`, `'.join(sorted(missing))}`")
                continue
            to = self._text(found["to"], SYMBOL)
            during = tuple(self._texts(found["during"])) if "during" in found else ()
            on_demand = self._flag(found["on_demand"]) if "on_demand" in found else False
            where = f"{self._file}:{entry.start_mark.line + 1}"
            yield from (Call(f"{to}/{name}", during, on_demand, where) for name in self._texts(found["methods"]))

    def _mapping(self, node: yaml.Node, known: set[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node.start_mark.line, f"expected a mapping of {', '.join(sorted(known))}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                self._fault(key.start_mark.line, f"unknown key `{name}`; known are {', '.join(sorted(known))}")
            elif name in found:
                self._fault(key.start_mark.line, f"`{name}` stands twice")
            found[name] = value
        return found

    def _texts(self, node: yaml.Node) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node.start_mark.line, "expected a list")
            return
        seen: set[str] = set()
        for entry in node.value:
            text = self._text(entry)
            if text in seen:
                self._fault(entry.start_mark.line, f"{text} stands twice")
            seen.add(text)
            yield text

    def _text(self, node: yaml.Node, form: re.Pattern[str] | None = None) -> str:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if not text or (form and not form.fullmatch(text)):
            self._fault(node.start_mark.line, f"{text!r} is no name" if text else "expected a name")
        return text

    def _flag(self, node: yaml.Node) -> bool:
        value: Any = yaml.safe_load(str(node.value)) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(value, bool):
            self._fault(node.start_mark.line, "expected true or false")
        return bool(value)

    def _fault(self, line: int, text: str) -> None:
        self.faults.append(f"{self._file}:{line + 1}: {text}")
