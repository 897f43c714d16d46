"""A servicer's method reads, asks and writes: what goes wrong it raises, and its gRPC context it leaves alone."""

import ast
import re
from collections.abc import Iterator

from google.protobuf.descriptor_pool import Default

from tests.tidy.contracts import files
from tests.tidy.resilience import STATUS
from tests.tidy.tree import Function, Source, Tree

MESSAGE = re.compile(r"(shop\.\w+\.v\d+)\.\w+_pb2\.(\w+)")


def servicers(tree: Tree) -> list[str]:
    """Answer where a servicer tells an error otherwise than by raising it, a stream's method too."""
    return [
        f"{source.file}:{line} {what}: {STATUS}"
        for source in tree.python("services")
        if source.file.parts[1] != "runtime"
        for line, what in [*_contexts(source), *_answers(source)]
    ]


def _contexts(source: Source) -> Iterator[tuple[int, str]]:
    """Where a context is read: to tell a status by it, or to hand it to somebody who does."""
    for function in (node for node in source.nodes if isinstance(node, Function)):
        names = {argument.arg for argument in function.args.args if argument.arg == "context"}
        names |= {argument.arg for argument in function.args.args[2:3] if function in _methods(source)}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
                yield node.lineno, f"{node.id} in {function.name}"


def _answers(source: Source) -> Iterator[tuple[int, str]]:
    """Where an error ends in a reply: it is caught, or the reply that is made has nothing in it."""
    for method in _methods(source):
        for node in ast.walk(method):
            if isinstance(node, ast.ExceptHandler):
                yield node.lineno, f"except in {method.name}"
            elif isinstance(node, ast.Call) and source.name(node.func) == "contextlib.suppress":
                yield node.lineno, f"suppress in {method.name}"
            elif isinstance(node, ast.Return | ast.Yield) and node.value is not None and _is_empty(source, node.value):
                yield node.lineno, f"an empty reply in {method.name}"


def _methods(source: Source) -> list[Function]:
    """Answer the methods of the servicers."""
    return [
        method
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and any(source.name(base).endswith("Servicer") for base in node.bases)
        for method in node.body
        if isinstance(method, Function) and not method.name.startswith("_")
    ]


def _is_empty(source: Source, made: ast.expr) -> bool:
    """Whether it makes a message without contents of a type that has some."""
    if not isinstance(made, ast.Call) or made.args or made.keywords:
        return False
    if not (found := MESSAGE.fullmatch(source.name(made.func))):
        return False
    list(files())  # importing them fills the pool
    return bool(Default().FindMessageTypeByName(".".join(found.groups())).fields)
