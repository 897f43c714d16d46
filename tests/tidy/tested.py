"""Every method is called by name in some test of the services: what no test names, nobody has looked at."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.tidy.tree import Tree

TESTS = "tests/services"
LAST = re.compile(r"(?:^|/)([A-Z]\w+)$")
PACKAGE = re.compile(r"\bshop\.\w+\.v\d+\b")


def untested(tree: Tree, methods: Iterable[str]) -> Iterator[str]:
    """Answer the methods that are called nowhere: by a stub, or by a path (f"{CATALOG}GetProduct" is one, too).

    Versions of a contract have methods of the same names: a call counts for those whose package its file speaks of.
    """
    called: set[tuple[str, str]] = set()
    for source in tree.python(TESTS):
        names = {node.attr for node in source.nodes if isinstance(node, ast.Attribute)}
        names |= {found[1] for _, text in source.texts if (found := LAST.search(text))}
        packages = PACKAGE.findall("\n".join([*source.imports, *(text for _, text in source.texts)]))
        called |= {(package, name) for package in packages for name in names}
    for path in sorted(methods):
        service, _, name = path.lstrip("/").partition("/")
        if (service.rpartition(".")[0], name) not in called:
            yield f"{path} is called in no test of {TESTS}: show there what it does, and what it refuses"
