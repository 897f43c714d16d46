"""The README of each scenario has one block of commands, and exactly one test runs it."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.support.documents import find_blocks
from tests.tidy.tree import Source, Tree

FOLDER, TESTS = PurePosixPath("mesh/istio/scenarios"), PurePosixPath("tests/mesh/scenarios")
RUN, PARAMETRIZE = "scenario.run_readme", "pytest.mark.parametrize"


def scenarios(tree: Tree) -> Iterator[str]:
    """Yield each scenario whose README has not one block, or is not run by exactly one test."""
    for readme in tree.under(str(FOLDER), suffix="README.md"):
        if readme.parent == FOLDER:
            continue
        if (count := len(find_blocks(tree.text(readme)))) != 1:
            yield f"{readme} has {count} `sh` blocks: write one, which the test of the scenario runs"
        test = TESTS / f"test_{readme.parent.name.replace('-', '_')}.py"
        if (count := _count_runs(Source(test, tree.text(test))) if tree.contains(test) else 0) != 1:
            yield f"{test} runs {readme} {count} times: use `{RUN}()` in one test without parameters"


def _count_runs(source: Source) -> int:
    """Count the runs of the README. A test with parameters counts twice."""
    count = 0
    for function in source.tree.body:
        names = [source.full_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
        count += names.count(RUN) * (2 if PARAMETRIZE in names else 1)
    return count
