"""No suite imports from another: what several suites use is in tests/support."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.tidy.tree import Source, Tree

SUPPORT = "support"
MODULE = re.compile(r"tests(\.\w+)+")
"""A string that is the name of a module, as in `["python", "-m", "tests.mesh.x"]`."""


def suites(tree: Tree) -> Iterator[str]:
    """Yield each import from a suite, and each name of a module in it, outside of this suite."""
    folders = {_folder(file) for file in tree.under("tests", suffix=".py")} - {"", SUPPORT}
    for source in tree.python("tests", "bench"):
        for name, line in _references(source):
            other = [*name.split("."), ""][1]
            if other in folders and other != _folder(source.file):
                yield f"{source.file}:{line} {name}: it is part of another suite; move it to tests/{SUPPORT}"


def _references(source: Source) -> Iterator[tuple[str, int]]:
    yield from ((name, line) for name, line in source.imports.items() if name.startswith("tests."))
    yield from ((text, line) for line, text in source.strings if MODULE.fullmatch(text))


def _folder(file: PurePosixPath) -> str:
    """Return the folder of a file in tests/, which is its suite; "" for all other files."""
    return file.parts[1] if file.parts[0] == "tests" and len(file.parts) > 2 else ""
