"""Finds the lines of a service's code that name an element of a contract.

Several messages may have a field of the same name. So a line counts only if its function, or a function of the same
module that calls it, names the message of the field, or a method or event that contains this message.
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
"""A module that is generated from a contract, or a name in one."""
BY_NAME = ("HasField", "ClearField", "WhichOneof", "Value", "getattr", "setattr")
"""Functions that take the name of a field or enum value as a string."""


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Block:
    """A function, or a statement outside of functions."""

    statement: ast.stmt
    nodes: dict[ast.AST, set[str]]
    """Its syntax nodes, with the messages and enums that each one names."""
    reach: set[str] = field(default_factory=set)
    """The messages and enums that its code may handle."""


class Code:
    """The code of one service, without subfolders."""

    def __init__(self, folder: Path, root: Path, image: Image) -> None:
        self._folder, self._root, self._image = folder, root, image

    def lines(self, elements: Iterable[Element]) -> tuple[str, ...]:
        """Return the lines that name any of the elements, by file: "services/orders/peers.py:57, 60"."""
        lines = {(module.file, line) for module in self._modules for each in elements for line in module.lines(each)}
        return tuple(
            f"{file}:{', '.join(str(line) for _, line in group)}"
            for file, group in groupby(sorted(lines), key=lambda location: location[0])
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
        """Names that are imported from generated modules, with the package or message that they refer to."""
        self._methods: defaultdict[str, list[Element]] = defaultdict(list)
        """The methods that it may call or serve, by short name, which two packages may share."""
        self._aliases: dict[str, set[str]] = {}
        """Names that are assigned at the top of the module, with the messages and enums that they refer to."""
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise SourceError(f"{self.file}:{error.lineno}: {error.msg}") from error
        self._import(tree)
        self._blocks = list(_split(tree))
        self._propagate()

    def lines(self, element: Element) -> Iterator[int]:
        """Yield the lines that name an element."""
        for block in self._blocks:
            for node, symbols in block.nodes.items():
                if element.kind in {"message", "enum"}:
                    nodes = [node] if element.name in symbols else []
                elif element.kind == "method":
                    nodes = [node] if element in self._methods.get(_name(node), []) else []
                else:
                    nodes = list(self._uses(node, element)) if element.parent in block.reach else []
                yield from (each.lineno for each in nodes if isinstance(each, ast.expr | ast.stmt | ast.keyword))

    def _uses(self, node: ast.AST, element: Element) -> Iterator[ast.AST]:
        """Yield the nodes that name a field or an enum value."""
        name = element.proto.name
        if isinstance(node, ast.Attribute):
            if node.attr == name and _name(node.value) not in self._imported:
                yield node
        elif isinstance(node, ast.Call):
            function = _name(node.func)
            if function in BY_NAME:
                yield from (each for each in node.args if isinstance(each, ast.Constant) and each.value == name)
            elif function == element.parent.rpartition(".")[2]:
                yield from (each for each in node.keywords if each.arg == name)

    def _import(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    if match := MODULE.fullmatch(origin + alias.name):
                        package = match["package"]
                        self._imported[alias.asname or alias.name] = package + (match["symbol"] or "")
                        if match["stubs"]:
                            for method in self._image.of_kind("method"):
                                if method.parent.rpartition(".")[0] == package:
                                    self._methods[method.proto.name].append(method)

    def _symbols(self, node: ast.AST) -> set[str]:
        """Return the messages and enums that a node names directly or through one of their methods."""
        if isinstance(node, Function) or (isinstance(node, ast.Attribute) and node.attr in self._methods):
            protos = [method.proto for method in self._methods.get(_name(node), [])]
            return {name.lstrip(".") for proto in protos for name in (proto.input_type, proto.output_type)}
        dotted = _dotted(node)
        words = [self._imported[dotted[0]], *dotted[1:]] if dotted and dotted[0] in self._imported else []
        names = (".".join(words[:count]) for count in range(len(words), 0, -1))
        return {name for name in names if name in self._image.elements}

    def _propagate(self) -> None:
        """Compute the reach of each block: its symbols, and those of the blocks that call it or pass it on."""
        for block in self._blocks:
            block.nodes = {node: self._symbols(node) for node in block.nodes}
            if isinstance(block.statement, ast.Assign) and (symbols := set().union(*block.nodes.values())):
                names = (target.id for target in block.statement.targets if isinstance(target, ast.Name))
                self._aliases |= dict.fromkeys(names, symbols)
        functions = {block.statement.name: block for block in self._blocks if isinstance(block.statement, Function)}
        for block in self._blocks:
            for node in block.nodes:
                if isinstance(node, ast.Name) and node.id in self._aliases:
                    block.nodes[node] = self._aliases[node.id]
            block.reach.update(*map(self._reach, set().union(*block.nodes.values())))
        pending = list(self._blocks)
        while pending:
            block = pending.pop()
            for callee in {_name(node) for node in block.nodes} & functions.keys():
                if not block.reach <= functions[callee].reach:
                    functions[callee].reach |= block.reach
                    pending.append(functions[callee])

    def _reach(self, symbol: str) -> frozenset[str]:
        enum = self._image.elements[symbol].kind == "enum"
        return frozenset({symbol}) if enum else self._image.reach(symbol)


def _split(tree: ast.Module) -> Iterator[_Block]:
    """Split a module into its functions, methods and other statements."""
    pending: list[ast.stmt] = list(reversed(tree.body))
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.ClassDef):
            pending += reversed(statement.body)
        else:
            yield _Block(statement, {node: set() for node in ast.walk(statement)})


def _name(node: ast.AST) -> str:
    """Return the last part of a name."""
    return str(getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None) or "")


def _dotted(node: ast.AST) -> list[str]:
    """Return the parts of a name such as `pb.Order.State`; an empty list for other nodes."""
    if isinstance(node, ast.Name):
        return [node.id]
    before = _dotted(node.value) if isinstance(node, ast.Attribute) else []
    return [*before, node.attr] if isinstance(node, ast.Attribute) and before else []
