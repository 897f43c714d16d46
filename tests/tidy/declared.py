"""Each service.yaml declares exactly what the code of its service does, as far as the syntax trees show it."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.api import resource_pb2
from google.protobuf.descriptor import Descriptor

from tests.support.contracts import files
from tests.tidy.tree import Source, Tree
from tools.protoc_gen_istio.declarations import FILE, Declaration, DeclarationError, load

STUB = re.compile(r"(shop\.\w+\.v\d+)\.\w+_pb2_grpc\.(\w+?)(?:Async)?Stub")
ADDER = re.compile(r"(shop\.\w+\.v\d+)\.\w+_pb2_grpc\.add_(\w+)Servicer_to_server")
EVENT = re.compile(r"(shop\.(\w+)\.v\d+)\.events_pb2\.(\w+)")
PATH = re.compile(r"/?(shop\.\w+\.v\d+\.\w+/\w+)")
BY_PATH = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")

Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Places = dict[str, str]
"""Name → `file:line` of its first use."""


@dataclass(frozen=True)
class Facts:
    """What the code of a service does."""

    serves: Places = field(default_factory=dict)
    calls: Places = field(default_factory=dict)
    emits: Places = field(default_factory=dict)
    consumes: Places = field(default_factory=dict)
    stubs: Places = field(default_factory=dict)
    """The proto services of its stubs."""
    by_path: Places = field(default_factory=dict)
    """Methods named in strings, and the gRPC functions that call by path."""


def declared(tree: Tree) -> Iterator[str]:
    """Yield each difference between the declaration of a service and its code."""
    try:
        by_folder = {each.file.split("/")[-2]: each for each in load(tree.root / "services")}
    except DeclarationError as error:
        yield from str(error).splitlines()
        return
    for folder in tree.services():
        file, declaration = f"services/{folder}/{FILE}", by_folder.get(folder, Declaration(folder, ""))
        if declaration.service != folder:
            yield f"{file}: service: is {declaration.service}: rename it to {folder}, like its folder"
        yield from _differences(file, declaration, _facts(tree, folder))


def _differences(file: str, declaration: Declaration, facts: Facts) -> Iterator[str]:
    called = {call.method for call in declaration.calls if not call.on_demand}
    on_demand = {call.method for call in declaration.calls if call.on_demand}
    for key, names, places in (
        ("serves", declaration.serves, facts.serves),
        ("calls", called, facts.calls),
        ("emits", declaration.emits, facts.emits),
        ("consumes", declaration.consumes, facts.consumes),
        ("owns", declaration.owns, dict(_resources(declaration.serves))),
    ):
        missing, unused = sorted(places.keys() - {*names}), sorted({*names} - places.keys())
        yield from (f"{file}: {key}: add {name}, which {places[name]} uses" for name in missing)
        yield from (f"{file}: {key}: remove {name}, which the code does not use" for name in unused)
    for name in sorted(facts.stubs.keys() - {method.partition("/")[0] for method in facts.calls}):
        yield f"{facts.stubs[name]}: found no call of the stub of {name}: assign it to a name, and call its methods"
    for name in sorted(on_demand & facts.calls.keys()):
        yield f"{file}: calls: {name} is `on_demand`, but {facts.calls[name]} calls it: remove `on_demand`"
    for name in sorted(facts.by_path.keys() - called - on_demand):
        if name not in BY_PATH:
            yield f"{file}: calls: add {name}, which {facts.by_path[name]} names"
        elif not on_demand:
            yield f"{facts.by_path[name]}: {name} calls by path: call a stub, or declare calls `on_demand`"


def _facts(tree: Tree, service: str) -> Facts:
    facts = Facts()
    for source in tree.python(f"services/{service}"):
        _add(facts.calls, source, _calls(source, source.tree, {}))
        for node in source.nodes:
            if isinstance(node, ast.Name | ast.Attribute):
                name = source.full_name(node)
                if match := ADDER.fullmatch(name):
                    _add(facts.serves, source, [(".".join(match.groups()), node.lineno)])
                elif match := STUB.fullmatch(name):
                    _add(facts.stubs, source, [(".".join(match.groups()), node.lineno)])
                elif isinstance(node, ast.Attribute) and node.attr in BY_PATH:
                    _add(facts.by_path, source, [(node.attr, node.lineno)])
        paths = ((PATH.fullmatch(text), line) for line, text in source.strings)
        _add(facts.by_path, source, ((match[1], line) for match, line in paths if match))
        for context, event, line in _events(source):
            _add(facts.emits if context == service else facts.consumes, source, [(event, line)])
    return facts


def _add(places: Places, source: Source, names: Iterable[tuple[str, int]]) -> None:
    for name, line in names:
        places.setdefault(name, f"{source.file}:{line}")


def _calls(source: Source, node: ast.AST, stubs: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Yield (method, line) for each use of a method of a stub: a call, or an argument of another function.

    `stubs` are the known stubs of the outer scopes by name, such as `stub` and `self._stub`.
    """
    if isinstance(node, Scope):
        stubs = {**stubs, **dict(_stubs(source, node))}
    if isinstance(node, ast.Attribute) and node.attr[0].isupper():
        service = stubs.get(ast.unparse(node.value)) or _created_stub(source, node.value)
        yield from [(f"{service}/{node.attr}", node.lineno)] if service else []
    for child in ast.iter_child_nodes(node):
        yield from _calls(source, child, stubs)


def _stubs(source: Source, scope: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (name, proto service) for each stub in a scope, by assignment or annotation."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if service := _created_stub(source, node.value):
                yield from ((ast.unparse(target), service) for target in targets)
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            name = ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else node.arg
            for part in ast.walk(node.annotation):
                if match := STUB.fullmatch(source.full_name(part)):
                    # The methods of a dataclass use its field `stub` as `self.stub`.
                    yield from ((each, ".".join(match.groups())) for each in (name, f"self.{name}"))


def _created_stub(source: Source, value: ast.AST) -> str:
    """Return the proto service of the stub that an expression creates; "" if it creates none."""
    called = (node.func for node in ast.walk(value) if isinstance(node, ast.Call))
    matches = (STUB.fullmatch(source.full_name(function)) for function in called)
    return next((".".join(match.groups()) for match in matches if match), "")


def _events(source: Source) -> Iterator[tuple[str, str, int]]:
    """Yield (context, event, line) for each use of an event. Uses as a type do not count."""
    types: set[int] = set()
    for node in source.nodes:
        if isinstance(node, ast.BinOp | ast.Subscript):
            types |= {id(part) for part in ast.walk(node)}
        elif annotation := getattr(node, "annotation", None) or getattr(node, "returns", None):
            types |= {id(part) for part in ast.walk(annotation)}
    names = [node for node in source.nodes if isinstance(node, ast.Name | ast.Attribute) and id(node) not in types]
    matches = ((EVENT.fullmatch(source.full_name(node)), node.lineno) for node in names)
    yield from ((match[2], f"{match[1]}.{match[3]}", line) for match, line in matches if match)


def _resources(serves: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (resource type, contract file) for each resource in the packages of these proto services."""
    packages = {name.rpartition(".")[0] for name in serves}
    for file in files():
        if file.package in packages:
            for message in file.message_types_by_name.values():
                yield from ((name, f"proto/{file.name}") for name in _resource_types(message))


def _resource_types(message: Descriptor) -> Iterator[str]:
    option: Any = resource_pb2.resource  # google's types do not declare whose extension it is
    if message.GetOptions().HasExtension(option):
        yield message.GetOptions().Extensions[option].type
    for nested in message.nested_types:
        yield from _resource_types(nested)
