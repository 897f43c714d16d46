"""Every method is called by name in some test of the services: what no test names, nobody has looked at.

The methods of a contract's later versions have the names of the first one's: their stubs are called `v2`, and so on.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.tidy.tree import Tree

TESTS = "tests/services"
LAST = re.compile(r"(?:^|/)([A-Z]\w+)$")
LATER = re.compile(r"\bv(?!1\b)\d+\.\w+$")


def called(path: str) -> str:
    """Answer how a test calls a method: "PlaceOrder", or "v2.PlaceOrder"."""
    version, name = path.split(".")[2], path.rpartition("/")[2]
    return name if version == "v1" else f"{version}.{name}"


def untested(tree: Tree, methods: Iterable[str]) -> Iterator[str]:
    """Answer the methods that are called nowhere: by a stub, or by a path (f"{CATALOG}GetProduct" is one, too)."""
    named: set[str] = set()
    for source in tree.python(TESTS):
        attributes = [source.name(node) for node in source.nodes if isinstance(node, ast.Attribute)]
        named |= {name.rpartition(".")[2] for name in attributes}
        named |= {found[0] for name in attributes if (found := LATER.search(name))}
        named |= {found[1] for _, text in source.texts if (found := LAST.search(text))}
    for path in sorted(methods):
        if called(path) not in named:
            yield f"{path} is called in no test of {TESTS}: show there what it does, and what it refuses"
