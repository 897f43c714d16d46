"""The README of every scenario has one block of commands, and one test plays it."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.documents import find_blocks
from tests.tidy.tree import Source, Tree

FOLDER = "mesh/istio/scenarios"
TESTS = "tests/mesh/scenarios"
PLAYS = "scenario.run_readme"
PARAMETRIZE = "pytest.mark.parametrize"


def unplayed(tree: Tree) -> Iterator[str]:
    """Return the scenarios whose README no test plays, or more than one, or whose README has not one block."""
    for readme in tree.under(FOLDER, suffix="README.md"):
        name = readme.parent.name
        if readme.parent == PurePosixPath(FOLDER):
            continue
        if (blocks := len(find_blocks(tree.text(readme)))) != 1:
            yield f"{readme} has {blocks} `sh` blocks: write one, which the scenario's test plays"
        test = PurePosixPath(TESTS, f"test_{name.replace('-', '_')}.py")
        count = _plays(Source(test, tree.text(test))) if tree.holds(test) else 0
        if count != 1:
            yield f"{test} plays {readme} {count} times: use `{PLAYS}()` in one test that has no parameters"


def _plays(source: Source) -> int:
    """Count the runs of the README: each call counts, and a test with parameters counts twice."""
    count = 0
    for function in source.tree.body:
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        names = [source.name(call.func) for call in calls]
        count += names.count(PLAYS) * (2 if PARAMETRIZE in names else 1)
    return count
