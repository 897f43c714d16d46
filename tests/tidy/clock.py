"""A test that judges by the clock is marked `timing`, so that a busy machine fails no run of `make test`.

A test judges by the clock if it asserts something about a duration that it measured, or gives a condition or a call
less than MIN_WAIT_SECONDS: that is a claim about speed. So does a test that calls a function of its file that does.
Zero seconds are no wait: what is asked for has to be there already.
"""

import ast
from collections.abc import Iterator

from tests.tidy.bounds import TIMING, Bounds
from tests.tidy.tree import Function, Source, Tree

CLOCKS = ("time.monotonic", "time.perf_counter", ".time")
"""The last is `asyncio.get_running_loop().time`."""
MIN_WAIT_SECONDS = 10
Clocks = dict[str, frozenset[int]]
"""What tells the time when it is called, with the places of a returned tuple in which times stand."""
WHOLE = frozenset({-1})
"""All that is returned is a time."""


def judged(tree: Tree) -> Iterator[str]:
    """Yield each test that judges by the clock and is not marked `timing`."""
    for source in tree.python("tests"):
        if source.file.name.startswith("test_") and not _timing(source, _pytestmark(source)):
            yield from _judged(source)


def _judged(source: Source) -> Iterator[str]:
    clocks, bounds = _clocks(source), Bounds(source)
    reasons = {name: _reason(source, node, clocks, bounds) for name, node in source.functions.items()}
    for name, function in source.functions.items():
        if name.startswith("test_") and not _timing(source, function.decorator_list):
            for reached in [name, *_reached(source, function)]:
                if reasons[reached]:
                    yield (
                        f"{source.file}:{function.lineno} {name} {reasons[reached]}: "
                        "mark it `timing` and `prove`, or assert counts, order and states"
                    )
                    break


def _pytestmark(source: Source) -> list[ast.expr]:
    """Return the marks that a module gives to all its tests."""
    assigned = [pair for node in source.tree.body if isinstance(node, ast.Assign) for pair in _assigned(node)]
    return [value for target, value in assigned if _names(target) == {"pytestmark"}]


def _timing(source: Source, marks: list[ast.expr]) -> bool:
    """Whether the mark is among these; one that `parametrize` gives to a single value is not."""
    bounds = Bounds(source)
    return any(source.mentions(mark, TIMING) for mark in marks if not bounds.parametrized(mark))


def _reached(source: Source, function: Function) -> set[str]:
    """Return the functions of the file that a function calls, and those that they call."""
    found: set[str] = set()
    left: list[Function] = [function]
    while left:
        for node in ast.walk(left.pop()):
            name = source.name(node.func) if isinstance(node, ast.Call) else ""
            if name in source.functions and name not in found:
                found.add(name)
                left.append(source.functions[name])
    return found


def _clocks(source: Source) -> Clocks:
    """Return what tells the time when it is called: the clocks, and functions of the file that return a duration."""
    clocks: Clocks = dict.fromkeys(CLOCKS, WHOLE)
    while True:
        before = str(clocks)
        for name, node in source.functions.items():
            durations = _durations(source, node, clocks)
            for value in (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value):
                parts = list(enumerate(value.elts)) if isinstance(value, ast.Tuple) else [(-1, value)]
                timed = {place for place, part in parts if _timed(source, part, clocks, durations)}
                if timed:
                    clocks[name] = clocks.get(name, frozenset()) | timed
        if str(clocks) == before:
            return clocks


def _durations(source: Source, function: Function, clocks: Clocks) -> set[str]:
    """Return the names in a function that hold a time or a duration, or a list of them."""
    found: set[str] = set()
    while True:
        before = len(found)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
                for target, value in _assigned(node):
                    found |= _given(source, target, value, clocks, found)
            elif isinstance(node, ast.Call) and any(_timed(source, each, clocks, found) for each in node.args):
                found |= _appended_to(source, node)
        if len(found) == before:
            return found


def _given(source: Source, target: ast.expr, value: ast.expr, clocks: Clocks, durations: set[str]) -> set[str]:
    """Return the names in a target that get a time or a duration: of `a, b = act()` perhaps b alone."""
    called = value.value if isinstance(value, ast.Await) else value
    places = clocks.get(source.name(called.func), WHOLE) if isinstance(called, ast.Call) else WHOLE
    if isinstance(target, ast.Tuple) and places != WHOLE:
        return {name for place, part in enumerate(target.elts) if place in places for name in _names(part)}
    return _names(target) if _timed(source, value, clocks, durations) else set()


def _appended_to(source: Source, call: ast.Call) -> set[str]:
    """Return the name of the list that a call appends to, if that is what it does."""
    owner, _, method = source.name(call.func).rpartition(".")
    return {owner} if method == "append" else set()


def _assigned(node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each target with what it is given: `a, b = c, d` are two."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        elif node.value:
            yield target, node.value


def _names(node: ast.AST) -> set[str]:
    """Return the names in a node."""
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _timed(source: Source, value: ast.expr, clocks: Clocks, durations: set[str]) -> bool:
    """Whether an expression holds a time or a duration."""
    return any(
        (isinstance(node, ast.Name) and node.id in durations)
        or (isinstance(node, ast.Call) and source.name(node.func) in clocks)
        for node in ast.walk(value)
    )


def _reason(source: Source, function: Function, clocks: Clocks, bounds: Bounds) -> str:
    """Return why a function judges by the clock; "" if it does not."""
    durations = _durations(source, function, clocks)
    asserts = [node for node in ast.walk(function) if isinstance(node, ast.Assert)]
    if any(_timed(source, node.test, clocks, durations) for node in asserts):
        return "asserts how long something takes"
    short = [seconds for seconds in bounds.of(function) if 0 < seconds < MIN_WAIT_SECONDS]
    return f"waits for {short[0]} s and no longer" if short else ""
