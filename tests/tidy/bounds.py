"""How long a test waits: the timeouts that it passes to conditions and calls, as far as its file shows them."""

import ast
from collections.abc import Iterator
from functools import cached_property

from tests.tidy.tree import Function, Source

WAITS = ("eventually", "eventually_sync")
"""Functions whose first argument is a number of seconds to wait."""
ARGUMENTS = ("within", "deadline", "timeout")
"""Arguments of other functions that are seconds to wait."""
NO_ERROR = ("asyncio.wait",)
"""Functions that return after their timeout without an error."""
TIMING = "pytest.mark.timing"


class Bounds:
    """The timeouts in a file: numbers, constants of the file, defaults of arguments, and values of `parametrize`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def of(self, function: Function) -> Iterator[float]:
        """Yield each timeout in a function, in seconds. Calls in `pytest.raises` do not count: they have to fail."""
        must_fail = {
            id(inner)
            for block in ast.walk(function)
            if isinstance(block, ast.With | ast.AsyncWith)
            and any(self._source.mentions(item, "pytest.raises") for item in block.items)
            for inner in ast.walk(block)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and id(node) not in must_fail:
                for value in self._timeouts(node):
                    yield from self._seconds(function, value)

    def parametrize(self, decorator: ast.expr) -> ast.Call | None:
        """Return the call of `parametrize` in a decorator, or in the constant that the decorator names."""
        call = self._constants.get(decorator.id) if isinstance(decorator, ast.Name) else decorator
        if isinstance(call, ast.Call) and self._source.full_name(call.func) == "pytest.mark.parametrize":
            return call
        return None

    @cached_property
    def _constants(self) -> dict[str, ast.expr]:
        assigned = [node for node in self._source.tree.body if isinstance(node, ast.Assign)]
        return {name.id: node.value for node in assigned for name in node.targets if isinstance(name, ast.Name)}

    def _timeouts(self, call: ast.Call) -> Iterator[ast.expr]:
        """Yield the arguments of a call that are timeouts."""
        name = self._source.full_name(call.func)
        if name in NO_ERROR:
            return
        if name.rpartition(".")[2] in WAITS:
            yield from call.args[:1]
        yield from (keyword.value for keyword in call.keywords if keyword.arg in ARGUMENTS)
        if name in self._source.functions:
            arguments = self._source.functions[name].args
            positional = zip([*arguments.posonlyargs, *arguments.args], call.args, strict=False)
            yield from (value for argument, value in positional if argument.arg in ARGUMENTS)

    def _seconds(self, function: Function, value: ast.expr) -> Iterator[float]:
        """Yield each possible value of an expression in a function, if it is a number."""
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            yield value.value
        elif isinstance(value, ast.IfExp):
            yield from self._seconds(function, value.body)
            yield from self._seconds(function, value.orelse)
        elif isinstance(value, ast.Name):
            for possible in self._values(function, value.id):
                yield from self._seconds(function, possible)

    def _values(self, function: Function, name: str) -> Iterator[ast.expr]:
        """Yield each possible value of a name in a function."""
        spec = function.args
        positional = [argument.arg for argument in [*spec.posonlyargs, *spec.args]]
        keywords = [argument.arg for argument in spec.kwonlyargs]
        if name not in [*positional, *keywords]:
            yield from filter(None, [self._constants.get(name)])
            return
        defaults = [*zip(reversed(positional), reversed(spec.defaults), strict=False)]
        defaults += [(word, value) for word, value in zip(keywords, spec.kw_defaults, strict=True) if value]
        yield from (value for argument, value in defaults if argument == name)
        for call in filter(None, map(self.parametrize, function.decorator_list)):
            names, values, *_ = call.args
            places = [each.strip() for each in str(names.value).split(",")] if isinstance(names, ast.Constant) else []
            for row in values.elts if name in places and isinstance(values, ast.List) else []:
                if not self._source.mentions(row, TIMING):
                    yield from _cells(row)[places.index(name) : places.index(name) + 1]


def _cells(row: ast.expr) -> list[ast.expr]:
    """Return the cells of a row of `parametrize`: `(a, b)`, `pytest.param(a, b)`, or a single value."""
    if isinstance(row, ast.Call):
        return row.args
    return row.elts if isinstance(row, ast.Tuple) else [row]
