"""Each service.yaml is true to the code: what the syntax trees show, and nothing else, is declared."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.api import resource_pb2
from google.protobuf.descriptor import Descriptor

from tests.tidy.contracts import files
from tests.tidy.tree import Source, Tree
from tools.protoc_gen_istio.declarations import FILE, Declaration, DeclarationError, load

STUB = re.compile(r"(shop\.\w+\.v\d+)\.\w+_pb2_grpc\.(\w+?)(?:Async)?Stub")
ADDER = re.compile(r"(shop\.\w+\.v\d+)\.\w+_pb2_grpc\.add_(\w+)Servicer_to_server")
EVENT = re.compile(r"(shop\.(\w+)\.v\d+)\.events_pb2\.(\w+)")
PATH = re.compile(r"/?(shop\.\w+\.v\d+\.\w+/\w+)")
BY_PATH = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")

Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Places = dict[str, str]
"""What was found → `file:line` of where it stands first."""


@dataclass(frozen=True)
class Facts:
    """What a service's code shows of it."""

    serves: Places = field(default_factory=dict)
    calls: Places = field(default_factory=dict)
    emits: Places = field(default_factory=dict)
    consumes: Places = field(default_factory=dict)
    stubs: Places = field(default_factory=dict)
    """The proto services that it has stubs of."""
    by_path: Places = field(default_factory=dict)
    """Methods that it names in a text, and calls without a stub (under the call's own name)."""


def faithful(tree: Tree) -> Iterator[str]:
    """Answer what a service does and does not declare, and what it declares and does not do."""
    try:
        found = load(tree.root / "services")
    except DeclarationError as error:
        yield from str(error).splitlines()
        return
    by_folder = {declared.file.split("/")[-2]: declared for declared in found}
    for folder in sorted({file.parts[1] for file in tree.under("services", suffix="__main__.py")}):
        file, declared = f"services/{folder}/{FILE}", by_folder.get(folder, Declaration(folder, ""))
        if declared.service != folder:
            yield f"{file}: service: is {declared.service}: call it {folder}, as its folder is called"
        yield from _compared(file, declared, facts(tree, folder))


def _compared(file: str, declared: Declaration, shown: Facts) -> Iterator[str]:
    called = {call.method for call in declared.calls if not call.on_demand}
    on_demand = {call.method for call in declared.calls if call.on_demand}
    yield from _differing(f"{file}: serves", declared.serves, shown.serves)
    yield from _differing(f"{file}: calls", called, shown.calls)
    yield from _differing(f"{file}: emits", declared.emits, shown.emits)
    yield from _differing(f"{file}: consumes", declared.consumes, shown.consumes)
    yield from _differing(f"{file}: owns", declared.owns, dict(_resources(declared.serves)))
    for name in sorted(shown.stubs.keys() - {method.partition("/")[0] for method in shown.calls}):
        yield f"{shown.stubs[name]}: no call of the stub of {name} is seen: name what holds it, and call its methods"
    for name in sorted(on_demand & shown.calls.keys()):
        yield f"{file}: calls: {name} is `on_demand`, but {shown.calls[name]} calls it: leave it out"
    for name in sorted(shown.by_path.keys() - called - on_demand):
        if name not in BY_PATH:
            yield f"{file}: calls: lacks {name}, which {shown.by_path[name]} names"
        elif not on_demand:
            yield f"{shown.by_path[name]}: {name} calls by a path: call the stub, or declare calls `on_demand`"


def _differing(key: str, declared: Iterable[str], shown: Mapping[str, str]) -> Iterator[str]:
    known = set(declared)
    yield from (f"{key}: lacks {name}, as {shown[name]} has it" for name in sorted(shown.keys() - known))
    yield from (f"{key}: {name} is idle: nothing has it, take it out" for name in sorted(known - shown.keys()))


def facts(tree: Tree, service: str) -> Facts:
    """Read what a service's code shows of it."""
    shown = Facts()
    for source in tree.python(f"services/{service}"):
        _note(shown.calls, source, _calls(source, source.tree, {}))
        for node in source.nodes:
            if isinstance(node, ast.Name | ast.Attribute):
                name = source.name(node)
                if found := ADDER.fullmatch(name):
                    _note(shown.serves, source, [(".".join(found.groups()), node.lineno)])
                elif found := STUB.fullmatch(name):
                    _note(shown.stubs, source, [(".".join(found.groups()), node.lineno)])
                elif isinstance(node, ast.Attribute) and node.attr in BY_PATH:
                    _note(shown.by_path, source, [(node.attr, node.lineno)])
        _note(shown.by_path, source, ((f[1], line) for line, text in source.texts if (f := PATH.fullmatch(text))))
        for context, event, line in _events(source):
            _note(shown.emits if context == service else shown.consumes, source, [(event, line)])
    return shown


def _note(places: Places, source: Source, found: Iterable[tuple[str, int]]) -> None:
    for name, line in found:
        places.setdefault(name, f"{source.file}:{line}")


def _calls(source: Source, node: ast.AST, stubs: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Answer (method, line) wherever a stub's method is named: to be called there, or by whom it is handed to.

    `stubs` are those that are known by a name (`stub`, `self._stub`) in the scopes around.
    """
    if isinstance(node, Scope):
        stubs = {**stubs, **dict(_bound(source, node))}
    if isinstance(node, ast.Attribute) and node.attr[0].isupper():
        service = stubs.get(ast.unparse(node.value)) or _made(source, node.value)
        yield from [(f"{service}/{node.attr}", node.lineno)] if service else []
    for child in ast.iter_child_nodes(node):
        yield from _calls(source, child, stubs)


def _bound(source: Source, scope: ast.AST) -> Iterator[tuple[str, str]]:
    """Answer (name, proto service) of each stub that is given a name in a scope: assigned, or by its annotation."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if service := _made(source, node.value):
                yield from ((ast.unparse(target), service) for target in targets)
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            name = ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else node.arg
            for part in ast.walk(node.annotation):
                if found := STUB.fullmatch(source.name(part)):
                    # In a dataclass `stub: …Stub` is what its methods call `self.stub`.
                    yield from ((each, ".".join(found.groups())) for each in (name, f"self.{name}"))


def _made(source: Source, value: ast.AST) -> str:
    """Answer the proto service of the stub that an expression makes; "" if it makes none."""
    called = (node.func for node in ast.walk(value) if isinstance(node, ast.Call))
    found = (STUB.fullmatch(source.name(function)) for function in called)
    return next((".".join(match.groups()) for match in found if match), "")


def _events(source: Source) -> Iterator[tuple[str, str, int]]:
    """Answer (context, event, line) wherever code names an event; as a type it may stand anywhere."""
    types: set[int] = set()
    for node in source.nodes:
        if isinstance(node, ast.BinOp | ast.Subscript):
            types |= {id(part) for part in ast.walk(node)}
        elif annotation := getattr(node, "annotation", None) or getattr(node, "returns", None):
            types |= {id(part) for part in ast.walk(annotation)}
    names = [node for node in source.nodes if isinstance(node, ast.Name | ast.Attribute) and id(node) not in types]
    found = ((EVENT.fullmatch(source.name(node)), node.lineno) for node in names)
    yield from ((event[2], f"{event[1]}.{event[3]}", line) for event, line in found if event)


def _resources(serves: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Answer (type, its file) of each resource in the packages of these proto services."""
    packages = {name.rpartition(".")[0] for name in serves}
    for file in files():
        if file.package in packages:
            for message in file.message_types_by_name.values():
                yield from ((kind, f"proto/{file.name}") for kind in _types(message))


def _types(message: Descriptor) -> Iterator[str]:
    option: Any = resource_pb2.resource  # google's own types do not say whose extension it is
    if message.GetOptions().HasExtension(option):
        yield message.GetOptions().Extensions[option].type
    for nested in message.nested_types:
        yield from _types(nested)
