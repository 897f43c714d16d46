"""A servicer method raises errors. It neither sets a status on its gRPC context nor catches errors itself."""

import ast
import re
from collections.abc import Iterator

from google.protobuf.descriptor_pool import Default

from tests.support.contracts import files
from tests.tidy.resilience import STATUS
from tests.tidy.tree import Function, Source, Tree

MESSAGE = re.compile(r"(shop\.\w+\.v\d+)\.\w+_pb2\.(\w+)")


def servicers(tree: Tree) -> Iterator[str]:
    """Yield each place where a servicer reports an error in another way than by raising it."""
    for source in tree.python("services"):
        if source.file.parts[1] != "runtime":
            for line, text in (*_contexts(source), *_handled_errors(source)):
                yield f"{source.file}:{line} {text}: {STATUS}"


def _contexts(source: Source) -> Iterator[tuple[int, str]]:
    """Yield each use of a gRPC context: it could set a status, or be passed on to code that does."""
    for function in source.functions.values():
        names = {argument.arg for argument in function.args.args if argument.arg == "context"}
        names |= {argument.arg for argument in function.args.args[2:3] if function in _methods(source)}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
                yield node.lineno, f"{node.id} in {function.name}"


def _handled_errors(source: Source) -> Iterator[tuple[int, str]]:
    """Yield each error that ends in a response: a caught one, and each empty response."""
    for method in _methods(source):
        for node in ast.walk(method):
            if isinstance(node, ast.ExceptHandler):
                yield node.lineno, f"except in {method.name}"
            elif isinstance(node, ast.Call) and source.full_name(node.func) == "contextlib.suppress":
                yield node.lineno, f"suppress in {method.name}"
            elif isinstance(node, ast.Return | ast.Yield) and node.value is not None and _is_empty(source, node.value):
                yield node.lineno, f"an empty response in {method.name}"


def _methods(source: Source) -> list[Function]:
    """Return the public methods of the servicer classes."""
    return [
        method
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and any(source.full_name(base).endswith("Servicer") for base in node.bases)
        for method in node.body
        if isinstance(method, Function) and not method.name.startswith("_")
    ]


def _is_empty(source: Source, value: ast.expr) -> bool:
    """Return whether an expression creates an empty message of a type that has fields."""
    if not isinstance(value, ast.Call) or value.args or value.keywords:
        return False
    if not (match := MESSAGE.fullmatch(source.full_name(value.func))):
        return False
    list(files())  # importing them fills the pool
    return bool(Default().FindMessageTypeByName(".".join(match.groups())).fields)
