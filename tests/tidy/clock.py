"""A short timeout that a test passes to a call is a claim about speed, so the test is marked `timing`.

tests/support/clock.py checks durations and waits while a test runs. It does not see the timeout of a call.
"""

import ast
from collections.abc import Iterator

from tests.support.clock import MIN_TIMEOUT_SECONDS
from tests.tidy.tree import Function, Source, Tree

ARGUMENTS = ("timeout", "within", "deadline")
LAST_ARGUMENT = ("asyncio.timeout", "asyncio.wait_for")


def timing(tree: Tree) -> Iterator[str]:
    """Yield each timeout below MIN_TIMEOUT_SECONDS in a test file: a number, or a constant of the file."""
    for source in (each for each in tree.python("tests") if each.file.name.startswith("test_")):
        assigned = [node for node in source.tree.body if isinstance(node, ast.Assign)]
        constants = {ast.unparse(node.targets[0]): node.value for node in assigned}
        allowed = {inner for node in source.nodes if _may_be_short(source, node) for inner in ast.walk(node)}
        for call in (node for node in source.nodes if isinstance(node, ast.Call) and node not in allowed):
            values = [keyword.value for keyword in call.keywords if keyword.arg in ARGUMENTS]
            values += call.args[-1:] if source.full_name(call.func) in LAST_ARGUMENT else []
            for value in (constants.get(ast.unparse(each), each) for each in values):
                seconds = value.value if isinstance(value, ast.Constant) else None
                if isinstance(seconds, int | float) and 0 < seconds < MIN_TIMEOUT_SECONDS:
                    yield f"{source.file}:{call.lineno} waits for {seconds} s only: mark the test `timing` and `prove`"


def _may_be_short(source: Source, node: ast.AST) -> bool:
    """Return whether a node is a marked test, or code in which a timeout is no failure."""
    if isinstance(node, ast.With | ast.AsyncWith):
        return any(source.mentions(item, "pytest.raises") for item in node.items)
    if isinstance(node, ast.Call):
        return source.full_name(node.func) == "asyncio.wait"
    marks = node.decorator_list if isinstance(node, Function) else []
    return any(source.full_name(mark) == "pytest.mark.timing" for mark in marks)
