"""How long a test waits: the bounds that it gives to conditions and calls, as far as its file tells."""

import ast
from collections.abc import Iterator
from functools import cached_property

from tests.tidy.tree import Function, Source

WAITS = ("eventually", "eventually_sync", "patiently")
"""Functions whose first argument says how many seconds to wait."""
BOUNDS = ("within", "deadline", "timeout")
"""The arguments of other functions that say so."""
UNBOUND = ("asyncio.wait",)
"""What returns after its timeout without an error."""
TIMING = "pytest.mark.timing"


class Bounds:
    """The bounds in a file. One may be a number, a constant of the file, a default or a value of `parametrize`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def of(self, function: Function) -> Iterator[float]:
        """Yield the seconds of each bound in a function, without calls that have to fail (`pytest.raises`)."""
        to_fail = self._to_fail(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and id(node) not in to_fail:
                for value in self._given(node):
                    yield from self._seconds(function, value)

    def parametrized(self, decorator: ast.expr) -> ast.Call | None:
        """Return the call of `parametrize` that a decorator is, or that a constant of the file stands for."""
        given = self._constants.get(decorator.id) if isinstance(decorator, ast.Name) else decorator
        if isinstance(given, ast.Call) and self._source.name(given.func) == "pytest.mark.parametrize":
            return given
        return None

    @cached_property
    def _constants(self) -> dict[str, ast.expr]:
        """What each name of the module stands for."""
        return {
            target.id: node.value
            for node in self._source.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def _to_fail(self, function: Function) -> set[int]:
        """Return the ids of the nodes in a `with pytest.raises(...)`."""
        blocks = [node for node in ast.walk(function) if isinstance(node, ast.With | ast.AsyncWith)]
        return {
            id(inner)
            for block in blocks
            if any(self._source.mentions(item, "pytest.raises") for item in block.items)
            for inner in ast.walk(block)
        }

    def _given(self, call: ast.Call) -> Iterator[ast.expr]:
        """Yield the arguments of a call that say how long to wait."""
        name = self._source.name(call.func)
        if name in UNBOUND:
            return
        if name.rpartition(".")[2] in WAITS:
            yield from call.args[:1]
        yield from (word.value for word in call.keywords if word.arg in BOUNDS)
        if name in self._source.functions:
            arguments = self._source.functions[name].args
            placed = zip([*arguments.posonlyargs, *arguments.args], call.args, strict=False)
            yield from (value for argument, value in placed if argument.arg in BOUNDS)

    def _seconds(self, function: Function, value: ast.expr) -> Iterator[float]:
        """Yield each number that an expression in a function may be."""
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            yield value.value
        elif isinstance(value, ast.IfExp):
            yield from self._seconds(function, value.body)
            yield from self._seconds(function, value.orelse)
        elif isinstance(value, ast.Name):
            for meant in self._meanings(function, value.id):
                yield from self._seconds(function, meant)

    def _meanings(self, function: Function, name: str) -> Iterator[ast.expr]:
        """Yield what a name in a function stands for."""
        spec = function.args
        placed = [argument.arg for argument in [*spec.posonlyargs, *spec.args]]
        keywords = [argument.arg for argument in spec.kwonlyargs]
        if name not in [*placed, *keywords]:
            yield from filter(None, [self._constants.get(name)])
            return
        defaults = [*zip(reversed(placed), reversed(spec.defaults), strict=False)]
        defaults += [(word, given) for word, given in zip(keywords, spec.kw_defaults, strict=True) if given]
        yield from (given for argument, given in defaults if argument == name)
        for decorator in function.decorator_list:
            if call := self.parametrized(decorator):
                yield from self._parameters(call, name)

    def _parameters(self, call: ast.Call, name: str) -> Iterator[ast.expr]:
        """Yield the values that `parametrize` gives to a name, but for those with the mark."""
        names, values, *_ = call.args
        if not isinstance(names, ast.Constant) or not isinstance(values, ast.List):
            return
        places = [each.strip() for each in str(names.value).split(",")]
        for value in values.elts if name in places else []:
            if not self._source.mentions(value, TIMING):
                yield from _row(value)[places.index(name) : places.index(name) + 1]


def _row(value: ast.expr) -> list[ast.expr]:
    """Return the parts of `(a, b)` or of `pytest.param(a, b)`; anything else is the only part."""
    if isinstance(value, ast.Call):
        return value.args
    return value.elts if isinstance(value, ast.Tuple) else [value]
