"""Every method is called by a test in tests/services, or by the clients in tests/support that these tests use."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.support.contracts import methods
from tests.tidy.tree import Tree

TESTS, CLIENTS = "tests/services", "tests/support"
LAST = re.compile(r"(?:^|/)([A-Z]\w+)$")
PACKAGE = re.compile(r"\bshop\.\w+\.v\d+\b")


def untested_methods(tree: Tree, paths: Iterable[str] | None = None) -> Iterator[str]:
    """Yield the methods that no test calls with a stub or by path (f"{CATALOG}GetProduct" counts too).

    Versions of a contract have methods of the same name: a call counts for the packages that its file mentions.
    """
    called: set[tuple[str, str]] = set()
    for source in tree.python(TESTS, CLIENTS):
        names = {node.attr for node in source.nodes if isinstance(node, ast.Attribute)}
        names |= {match[1] for _, text in source.strings if (match := LAST.search(text))}
        packages = PACKAGE.findall("\n".join([*source.imports, *(text for _, text in source.strings)]))
        called |= {(package, name) for package in packages for name in names}
    for path in sorted(methods() if paths is None else paths):
        service, _, name = path.lstrip("/").partition("/")
        if (service.rpartition(".")[0], name) not in called:
            yield f"{path} is called by no test in {TESTS}: test its effects and its errors there"
