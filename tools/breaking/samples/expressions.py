"""Regular expressions as nondeterministic automata, which read a string one character after the other.

The syntax is the common part of Python's and RE2's, which CEL uses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# The standard library's parser of regular expressions has no public name.
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_CHARACTER = 0x10FFFF
MAX_REPEAT = 2_000
"""An expression that repeats more often is not compiled."""
CATEGORIES = {
    codes.CATEGORY_DIGIT: [(48, 57)],
    codes.CATEGORY_WORD: [(48, 57), (65, 90), (95, 95), (97, 122)],
    codes.CATEGORY_SPACE: [(9, 10), (12, 13), (32, 32)],
}
"""The classes of RE2, which CEL uses: they have only ASCII characters."""
POSIX = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "0-9A-Za-z",
    "upper": "A-Z",
    "lower": "a-z",
    "word": "0-9A-Za-z_",
    "space": r"\t\n\v\f\r ",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "xdigit": "0-9A-Fa-f",
}
UNICODE = {
    "L": "A-Za-zª-ɏΑ-ϡЀ-ӿ一-鿿",
    "Lu": "A-ZÀ-ÞΑ-ΩА-Я",
    "Ll": "a-zß-öø-ÿα-ωа-я",
    "N": "0-9²³¹\u0660-\u0669",
    "Nd": "0-9\u0660-\u0669",
}
"""A part of each Unicode class. Samples need no more: the validator has the whole classes."""
NEGATED = {
    codes.CATEGORY_NOT_DIGIT: codes.CATEGORY_DIGIT,
    codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD,
    codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE,
}

BUILDERS = {
    codes.LITERAL: "_literal",
    codes.NOT_LITERAL: "_not_literal",
    codes.ANY: "_any",
    codes.IN: "_in",
    codes.BRANCH: "_branch",
    codes.SUBPATTERN: "_group",
    codes.MAX_REPEAT: "_repeat",
    codes.MIN_REPEAT: "_repeat",
    codes.AT: "_at",
}
"""The method of Language for each part of an expression."""

Ranges = list[tuple[int, int]]
"""Characters, as ranges of code points that include both ends."""
States = frozenset[int]


class UnsupportedError(Exception):
    """The expression has a part that cannot be compiled."""


@dataclass
class _Automaton:
    """A nondeterministic automaton. State 0 is the start, state 1 the end."""

    steps: list[list[tuple[Ranges, int]]] = field(default_factory=lambda: [[], []])
    free: list[list[tuple[str, int]]] = field(default_factory=lambda: [[], []])
    """Transitions without a character: always (""), only at the start ("^") or only at the end of the string ("$")."""

    def add(self) -> int:
        """Add a state and return it."""
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def close(self, states: set[int], conditions: str) -> States:
        """Return the states that are reached without a character under these conditions."""
        pending = list(states)
        while pending:
            for condition, target in self.free[pending.pop()]:
                if (not condition or condition in conditions) and target not in states:
                    states.add(target)
                    pending.append(target)
        return frozenset(states)


class Language:
    """The strings in which an expression matches."""

    def __init__(self, expression: str) -> None:
        """Compile an expression, which may match anywhere in a string. Raise UnsupportedError."""
        try:
            tree = parser.parse(translate(expression))
        except (re.error, RecursionError, OverflowError) as error:
            raise UnsupportedError(expression) from error
        self._flags = tree.state.flags
        self._automaton = _Automaton()
        everything = [(0, MAX_CHARACTER)]
        self._automaton.steps[0].append((everything, 0))
        self._automaton.steps[1].append((everything, 1))
        start = self._automaton.add()
        self._automaton.free[0].append(("", start))
        end = self._build(tree, start)
        self._automaton.free[end].append(("", 1))
        self._moves: dict[tuple[States, int], States] = {}
        self._ends: dict[States, bool] = {}

    @property
    def ranges(self) -> Iterator[tuple[int, int]]:
        """Return all ranges of characters that its transitions distinguish."""
        return (each for steps in self._automaton.steps for ranges, _ in steps for each in ranges)

    def start(self) -> States:
        """Return the states before the first character."""
        return self._automaton.close({0}, "^")

    def move(self, states: States, character: int) -> States:
        """Return the states after another character."""
        key = states, character
        if key not in self._moves:
            targets = {
                target
                for state in states
                for ranges, target in self._automaton.steps[state]
                if any(low <= character <= high for low, high in ranges)
            }
            self._moves[key] = self._automaton.close(targets, "")
        return self._moves[key]

    def accepts(self, states: States, *, empty: bool = False) -> bool:
        """Return whether a string may end in these states. `empty` says that it has no characters."""
        if empty:
            return 1 in self._automaton.close(set(states), "^$")
        if states not in self._ends:
            self._ends[states] = 1 in self._automaton.close(set(states), "$")
        return self._ends[states]

    def _build(self, tree: Any, state: int) -> int:  # noqa: ANN401  # the parser's types are private
        """Add a parsed expression after a state and return its last state."""
        for code, argument in tree:
            if code not in BUILDERS:
                raise UnsupportedError(str(code))
            state = getattr(self, BUILDERS[code])(argument, state)
        return state

    def _literal(self, character: int, state: int) -> int:
        return self._step([(character, character)], state)

    def _not_literal(self, character: int, state: int) -> int:
        return self._step(_invert(self._fold([(character, character)])), state, fold=False)

    def _any(self, _: None, state: int) -> int:
        newline = ord("\n")
        dot = [(0, MAX_CHARACTER)] if self._flags & re.DOTALL else _invert([(newline, newline)])
        return self._step(dot, state, fold=False)

    def _in(self, members: Any, state: int) -> int:  # noqa: ANN401  # the parser's types are private
        ranges: Ranges = []
        negated = False
        for code, argument in members:
            if code is codes.NEGATE:
                negated = True
            elif code is codes.LITERAL:
                ranges.append((argument, argument))
            elif code is codes.RANGE:
                ranges.append(argument)
            elif argument in CATEGORIES:
                ranges += CATEGORIES[argument]
            elif argument in NEGATED:
                ranges += _invert(CATEGORIES[NEGATED[argument]])
            else:
                raise UnsupportedError(str(argument))
        ranges = self._fold(ranges)
        return self._step(_invert(ranges) if negated else ranges, state, fold=False)

    def _branch(self, argument: Any, state: int) -> int:  # noqa: ANN401  # the parser's types are private
        end = self._automaton.add()
        for branch in argument[1]:
            self._automaton.free[self._build(branch, state)].append(("", end))
        return end

    def _group(self, argument: Any, state: int) -> int:  # noqa: ANN401  # the parser's types are private
        *_, added, removed, tree = argument
        outer, self._flags = self._flags, (self._flags | added) & ~removed
        state = self._build(tree, state)
        self._flags = outer
        return state

    def _repeat(self, argument: Any, state: int) -> int:  # noqa: ANN401  # the parser's types are private
        low, high, tree = argument
        unbounded = high is codes.MAXREPEAT
        if max(low, 0 if unbounded else high) > MAX_REPEAT:
            raise UnsupportedError("repeats too often")
        for _ in range(low):
            state = self._build(tree, state)
        end = self._automaton.add()
        if unbounded:
            loop = self._automaton.add()
            self._automaton.free[state].append(("", loop))
            self._automaton.free[self._build(tree, loop)].append(("", loop))
            self._automaton.free[loop].append(("", end))
        else:
            for _ in range(high - low):
                self._automaton.free[state].append(("", end))
                state = self._build(tree, state)
            self._automaton.free[state].append(("", end))
        return end

    def _at(self, position: Any, state: int) -> int:  # noqa: ANN401  # the parser's types are private
        if position in {codes.AT_BEGINNING, codes.AT_BEGINNING_STRING}:
            condition = "^"
        elif position in {codes.AT_END, codes.AT_END_STRING}:
            condition = "$"
        else:
            raise UnsupportedError(str(position))
        if self._flags & re.MULTILINE:
            raise UnsupportedError("multiline")
        end = self._automaton.add()
        self._automaton.free[state].append((condition, end))
        return end

    def _step(self, ranges: Ranges, state: int, *, fold: bool = True) -> int:
        end = self._automaton.add()
        self._automaton.steps[state].append((self._fold(ranges) if fold else ranges, end))
        return end

    def _fold(self, ranges: Ranges) -> Ranges:
        """Add the other case of ASCII letters, if the expression ignores case."""
        if not self._flags & re.IGNORECASE:
            return ranges
        other = [
            (ord(chr(code).swapcase()),) * 2
            for low, high in ranges
            for code in range(low, min(high, 0x7F) + 1)
            if chr(code).isalpha()
        ]
        return [*ranges, *other]


def translate(expression: str) -> str:
    """Return an expression of RE2 in Python's syntax, with a part of each Unicode class."""

    def of_class(match: re.Match[str]) -> str:
        characters = UNICODE.get(match["unicode"] or match["short"]) or match[0]
        # Whether the class is inside of brackets: an opening one precedes it that is not closed.
        before = re.sub(r"\\.", "", expression[: match.start()])
        return characters if before.rfind("[") > before.rfind("]") else f"[{characters}]"

    expression = re.sub(r"\[:(\w+):\]", lambda match: POSIX.get(match[1], match[0]), expression)
    expression = re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", expression)
    return re.sub(r"\\p(?:\{(?P<unicode>\w+)\}|(?P<short>[A-Z]))", of_class, expression)


def is_supported(expression: str) -> bool:
    """Return whether an expression can be compiled, and without a Unicode class, of which only a part is known."""
    try:
        Language(expression)
    except UnsupportedError:
        return False
    return r"\p" not in expression


def _invert(ranges: Ranges) -> Ranges:
    """Return all characters that are in none of the ranges."""
    inverted, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            inverted.append((start, low - 1))
        start = max(start, high + 1)
    return [*inverted, (start, MAX_CHARACTER)] if start <= MAX_CHARACTER else inverted
