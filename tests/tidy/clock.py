"""A test whose result depends on the clock is marked `timing`, so a busy machine cannot fail `make test`.

A test depends on the clock if it asserts something about a duration that it measured, or if it passes a timeout below
MIN_TIMEOUT_SECONDS to a condition or a call: both are claims about speed. The functions of its file that it calls count
too. A timeout of 0 is no wait: the condition has to hold already.
"""

import ast
from collections.abc import Iterator

from tests.tidy.bounds import TIMING, Bounds
from tests.tidy.tree import Function, Source, Tree

CLOCKS = ("time.monotonic", "time.perf_counter", ".time")
"""The last one is `asyncio.get_running_loop().time`."""
MIN_TIMEOUT_SECONDS = 10
WHOLE = frozenset({-1})
Clocks = dict[str, frozenset[int]]
"""Function that returns a time → the positions of times in the tuple that it returns; WHOLE if it returns no tuple."""


def timing(tree: Tree) -> Iterator[str]:
    """Yield each test that depends on the clock and is not marked `timing`."""
    for source in tree.python("tests"):
        if source.file.name.startswith("test_") and not _is_marked(source, _module_marks(source)):
            yield from _unmarked(source)


def _unmarked(source: Source) -> Iterator[str]:
    clocks, bounds = _clocks(source), Bounds(source)
    reasons = {name: _reason(source, node, clocks, bounds) for name, node in source.functions.items()}
    for name, function in source.functions.items():
        if name.startswith("test_") and not _is_marked(source, function.decorator_list):
            called = [name, *_called_functions(source, function)]
            if reason := next((reasons[each] for each in called if reasons[each]), ""):
                yield (
                    f"{source.file}:{function.lineno} {name} {reason}: "
                    "mark it `timing` and `prove`, or assert counts, order and states"
                )


def _module_marks(source: Source) -> list[ast.expr]:
    assigned = [pair for node in source.tree.body if isinstance(node, ast.Assign) for pair in _assignments(node)]
    return [value for target, value in assigned if _names(target) == {"pytestmark"}]


def _is_marked(source: Source, marks: list[ast.expr]) -> bool:
    """Return whether `timing` is among these marks. A mark on one value of `parametrize` does not count."""
    bounds = Bounds(source)
    return any(source.mentions(mark, TIMING) for mark in marks if not bounds.parametrize(mark))


def _called_functions(source: Source, function: Function) -> set[str]:
    """Return the functions of the file that a function calls, directly or not."""
    called: set[str] = set()
    queue = [function]
    while queue:
        for node in ast.walk(queue.pop()):
            name = source.full_name(node.func) if isinstance(node, ast.Call) else ""
            if name in source.functions and name not in called:
                called.add(name)
                queue.append(source.functions[name])
    return called


def _clocks(source: Source) -> Clocks:
    """Return the clocks, and the functions of the file that return a time or a duration."""
    clocks: Clocks = dict.fromkeys(CLOCKS, WHOLE)
    while True:
        before = str(clocks)
        for name, node in source.functions.items():
            durations = _durations(source, node, clocks)
            for value in (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value):
                parts = list(enumerate(value.elts)) if isinstance(value, ast.Tuple) else [(-1, value)]
                if timed := {place for place, part in parts if _is_timed(source, part, clocks, durations)}:
                    clocks[name] = clocks.get(name, frozenset()) | timed
        if str(clocks) == before:
            return clocks


def _durations(source: Source, function: Function, clocks: Clocks) -> set[str]:
    """Return the names in a function that hold a time or a duration, or a list of them."""
    names: set[str] = set()
    while True:
        before = len(names)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
                for target, value in _assignments(node):
                    names |= _timed_targets(source, target, value, clocks, names)
            elif isinstance(node, ast.Call) and any(_is_timed(source, each, clocks, names) for each in node.args):
                owner, _, method = source.full_name(node.func).rpartition(".")
                names |= {owner} if method == "append" else set()
        if len(names) == before:
            return names


def _timed_targets(source: Source, target: ast.expr, value: ast.expr, clocks: Clocks, durations: set[str]) -> set[str]:
    """Return the names in a target that get a time or a duration; in `a, b = act()` maybe only b."""
    called = value.value if isinstance(value, ast.Await) else value
    places = clocks.get(source.full_name(called.func), WHOLE) if isinstance(called, ast.Call) else WHOLE
    if isinstance(target, ast.Tuple) and places != WHOLE:
        return {name for place, part in enumerate(target.elts) if place in places for name in _names(part)}
    return _names(target) if _is_timed(source, value, clocks, durations) else set()


def _assignments(
    node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr,
) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield (target, value) for each assignment: two for `a, b = c, d`."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        elif node.value:
            yield target, node.value


def _names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _is_timed(source: Source, value: ast.expr, clocks: Clocks, durations: set[str]) -> bool:
    """Return whether an expression contains a time or a duration."""
    return any(
        (isinstance(node, ast.Name) and node.id in durations)
        or (isinstance(node, ast.Call) and source.full_name(node.func) in clocks)
        for node in ast.walk(value)
    )


def _reason(source: Source, function: Function, clocks: Clocks, bounds: Bounds) -> str:
    """Return why a function depends on the clock; "" if it does not."""
    durations = _durations(source, function, clocks)
    asserts = [node for node in ast.walk(function) if isinstance(node, ast.Assert)]
    if any(_is_timed(source, node.test, clocks, durations) for node in asserts):
        return "asserts how long something takes"
    short = [seconds for seconds in bounds.of(function) if 0 < seconds < MIN_TIMEOUT_SECONDS]
    return f"waits for {short[0]} s only" if short else ""
