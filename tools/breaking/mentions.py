"""Where a service's code names something of a contract.

A field's name says little: others have the same. So a line counts if its function, or one of the same module that calls
it, names a method, a message or an event by which the message comes that has the field.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

from tools.breaking.image import Element, Image
from tools.breaking.sources import SourceError

MODULE = re.compile(r"(?P<package>[\w.]+)\.\w+_pb2(?P<stubs>_grpc)?(?P<symbol>\.\w+)?")
"""A module that is generated from a contract, or a name out of one."""
BY_NAME = ("HasField", "ClearField", "WhichOneof", "Value", "getattr", "setattr")
"""Functions that take a field's or an enum value's name as a text."""


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Part:
    """A function, or a statement outside of any."""

    statement: ast.stmt
    nodes: dict[ast.AST, set[str]]
    """What stands in it; of each node, the messages and enums that it names."""
    reach: set[str] = field(default_factory=set)
    """The messages and enums that may come by here."""


class Code:
    """The code of one service. Files in folders below its own are not read."""

    def __init__(self, folder: Path, root: Path, image: Image) -> None:
        self._folder, self._root, self._image = folder, root, image

    def lines(self, elements: Iterable[Element]) -> tuple[str, ...]:
        """Answer the lines that name any of these, a file's together: "services/orders/peers.py:57, 60"."""
        found = {(module.file, line) for module in self._modules for each in elements for line in module.lines(each)}
        return tuple(
            f"{file}:{', '.join(str(line) for _, line in places)}"
            for file, places in groupby(sorted(found), key=lambda place: place[0])
        )

    @cached_property
    def _modules(self) -> list["_Module"]:
        paths = [path for path in sorted(self._folder.glob("*.py")) if "_pb2" in path.read_text(encoding="utf-8")]
        return [_Module(path, self._root, self._image) for path in paths]


class _Module:
    def __init__(self, path: Path, root: Path, image: Image) -> None:
        self.file = path.relative_to(root).as_posix()
        self._image = image
        self._imported: dict[str, str] = {}
        """What a name stands for that is imported from generated modules: a package, or a message of it."""
        self._methods: defaultdict[str, list[Element]] = defaultdict(list)
        """The methods that it may call or serve, by their short names: two packages may have the same."""
        self._aliases: dict[str, set[str]] = {}
        """What a name stands for that is given at the module's top."""
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise SourceError(f"{self.file}:{error.lineno}: {error.msg}") from error
        self._import(tree)
        self._parts = list(_divide(tree))
        self._spread()

    def lines(self, element: Element) -> Iterator[int]:
        """Answer the lines that name something of a contract."""
        for part in self._parts:
            for node, symbols in part.nodes.items():
                if element.kind in {"message", "enum"}:
                    found = [node] if element.name in symbols else []
                elif element.kind == "method":
                    found = [node] if element in self._methods.get(_name(node), []) else []
                else:
                    found = list(self._named(node, element)) if element.parent in part.reach else []
                yield from (each.lineno for each in found if isinstance(each, ast.expr | ast.stmt | ast.keyword))

    def _named(self, node: ast.AST, element: Element) -> Iterator[ast.AST]:
        """Answer where a field or an enum value is named."""
        name = element.proto.name
        if isinstance(node, ast.Attribute):
            if node.attr == name and _name(node.value) not in self._imported:
                yield node
        elif isinstance(node, ast.Call):
            called = _name(node.func)
            if called in BY_NAME:
                yield from (each for each in node.args if isinstance(each, ast.Constant) and each.value == name)
            elif called == element.parent.rpartition(".")[2]:
                yield from (each for each in node.keywords if each.arg == name)

    def _import(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    if found := MODULE.fullmatch(origin + alias.name):
                        package = found["package"]
                        self._imported[alias.asname or alias.name] = package + (found["symbol"] or "")
                        if found["stubs"]:
                            for method in self._image.of_kind("method"):
                                if method.parent.rpartition(".")[0] == package:
                                    self._methods[method.proto.name].append(method)

    def _symbols(self, node: ast.AST) -> set[str]:
        """Answer the messages and enums that a node names, or whose method it names."""
        if isinstance(node, Function) or (isinstance(node, ast.Attribute) and node.attr in self._methods):
            protos = [method.proto for method in self._methods.get(_name(node), [])]
            return {name.lstrip(".") for proto in protos for name in (proto.input_type, proto.output_type)}
        dotted = _dotted(node)
        words = [self._imported[dotted[0]], *dotted[1:]] if dotted and dotted[0] in self._imported else []
        names = (".".join(words[:count]) for count in range(len(words), 0, -1))
        return {name for name in names if name in self._image.elements}

    def _spread(self) -> None:
        """Find what comes by in each function: what it names, and what those name that call it or hand it on."""
        for part in self._parts:
            part.nodes = {node: self._symbols(node) for node in part.nodes}
            if isinstance(part.statement, ast.Assign) and (named := set().union(*part.nodes.values())):
                names = (target.id for target in part.statement.targets if isinstance(target, ast.Name))
                self._aliases |= dict.fromkeys(names, named)
        functions = {part.statement.name: part for part in self._parts if isinstance(part.statement, Function)}
        for part in self._parts:
            for node in part.nodes:
                if isinstance(node, ast.Name) and node.id in self._aliases:
                    part.nodes[node] = self._aliases[node.id]
            part.reach.update(*map(self._reach, set().union(*part.nodes.values())))
        left = list(self._parts)
        while left:
            part = left.pop()
            for callee in {_name(node) for node in part.nodes} & functions.keys():
                if not part.reach <= functions[callee].reach:
                    functions[callee].reach |= part.reach
                    left.append(functions[callee])

    def _reach(self, symbol: str) -> frozenset[str]:
        enum = self._image.elements[symbol].kind == "enum"
        return frozenset({symbol}) if enum else self._image.reach(symbol)


def _divide(tree: ast.Module) -> Iterator[_Part]:
    """Divide a module into its functions and methods, and its other statements."""
    left: list[ast.stmt] = list(reversed(tree.body))
    while left:
        statement = left.pop()
        if isinstance(statement, ast.ClassDef):
            left += reversed(statement.body)
        else:
            yield _Part(statement, {node: set() for node in ast.walk(statement)})


def _name(node: ast.AST) -> str:
    """Answer the last word of a name."""
    return str(getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None) or "")


def _dotted(node: ast.AST) -> list[str]:
    """Answer the words of a name such as `pb.Order.State`, or none."""
    if isinstance(node, ast.Name):
        return [node.id]
    before = _dotted(node.value) if isinstance(node, ast.Attribute) else []
    return [*before, node.attr] if isinstance(node, ast.Attribute) and before else []
