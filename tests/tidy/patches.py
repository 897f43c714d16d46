"""No test replaces a part of a production module: the part is an argument, which the test passes."""

import ast
from collections.abc import Iterator

from tests.tidy.tree import Source, Tree

PRODUCTION = ("services", "mesh", "tools")
PATCHES = ("setattr", "delattr", "patch", "object")
"""monkeypatch.setattr and monkeypatch.delattr, setattr and delattr, mock.patch and mock.patch.object."""


def patches(tree: Tree) -> Iterator[str]:
    """Yield each place where a test assigns to an attribute of a production module, class or function."""
    for source in tree.python("tests", "bench"):
        for node in source.nodes:
            for name in _patched(source, node):
                if name.partition(".")[0] in PRODUCTION:
                    line = getattr(node, "lineno", 0)
                    yield f"{source.file}:{line} {name} is replaced: pass the replacement as an argument"


def _patched(source: Source, node: ast.AST) -> Iterator[str]:
    """Yield the full names of the objects that a node changes."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            yield from (name for target in targets for name in _assigned(source, target))
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            yield from _assigned(source, target)
        case ast.Call(func=function, args=[first, *_]) if _last_name(function) in PATCHES:
            yield str(first.value) if isinstance(first, ast.Constant) else source.imported_name(first)
        case _:
            pass


def _assigned(source: Source, target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _assigned(source, part)
    elif isinstance(target, ast.Attribute):
        yield source.imported_name(target)
    elif isinstance(target, ast.Subscript):
        yield source.imported_name(target.value)


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
