"""Every method is called by name in some test of the services: what no test names, nobody has looked at."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.tidy.tree import Tree

TESTS = "tests/services"
LAST = re.compile(r"(?:^|/)([A-Z]\w+)$")


def untested(tree: Tree, methods: Iterable[str]) -> Iterator[str]:
    """Answer the methods that are called nowhere: by a stub, or by a path (f"{CATALOG}GetProduct" is one, too)."""
    named: set[str] = set()
    for source in tree.python(TESTS):
        named |= {node.attr for node in source.nodes if isinstance(node, ast.Attribute)}
        named |= {found[1] for _, text in source.texts if (found := LAST.search(text))}
    for path in sorted(methods):
        if path.rpartition("/")[2] not in named:
            yield f"{path} is called in no test of {TESTS}: show there what it does, and what it refuses"
