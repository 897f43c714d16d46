"""Every method is called by name in some test of the services: what no test names, nobody has looked at."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.tidy.tree import Tree

TESTS = "tests/services"
VERSION = re.compile(r"(?<=\.)v\d+(?=\.)")
LAST = re.compile(r"(?:^|/)([A-Z]\w+)$")


def untested(tree: Tree, methods: Iterable[str]) -> Iterator[str]:
    """Answer the methods that are called nowhere: by a stub, or by a path (f"{CATALOG}GetProduct" is one, too)."""
    named: set[tuple[str, str]] = set()
    for source in tree.python(TESTS):
        names = {node.attr for node in source.nodes if isinstance(node, ast.Attribute)}
        names |= {found[1] for _, text in source.texts if (found := LAST.search(text))}
        words = [*source.imports, *(text for _, text in source.texts)]
        # What names no version means the first.
        versions = {found[0] for word in words for found in VERSION.finditer(word)} | {"v1"}
        named |= {(version, name) for version in versions for name in names}
    for path in sorted(methods):
        if (version_of(path), path.rpartition("/")[2]) not in named:
            yield f"{path} is called in no test of {TESTS}: show there what it does, and what it refuses"


def version_of(path: str) -> str:
    """Answer the version of a method's contract: "v1" of /shop.orders.v1.OrdersService/PlaceOrder."""
    return path.rpartition("/")[0].split(".")[-2]
