"""Strings for every combination of regular expressions that match and do not match.

Expressions that differ anywhere differ in such a combination, so their strings show the difference.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from tools.breaking.samples.expressions import MAX_CHARACTER, Language

MAX_LENGTH = 1_100
"""Longer strings are not searched for."""
MAX_STATES = 150
"""How many combinations of states are followed at each length."""
MAX_PER_COMBINATION = 2
"""How many strings of one combination are returned, besides those of the given lengths."""
SURROGATES = (0xD800, 0xDFFF)


def words(languages: Sequence[Language], lengths: frozenset[int]) -> Iterator[tuple[tuple[bool, ...], str]]:
    """Yield strings for every combination of languages that contain them, with the combination.

    For each combination there are the shortest strings, and one of every length in `lengths` that it has.
    """
    machine = _Machine(languages)
    layer: dict[int, str] = {0: ""}
    found: dict[tuple[bool, ...], int] = {}
    seen: set[int] = set()
    for length in range(MAX_LENGTH):
        combinations = set()
        for state, word in layer.items():
            combination = machine.combination(state, empty=not length)
            if length in lengths and combination not in combinations:
                combinations.add(combination)
                yield combination, word
            elif found.get(combination, 0) < MAX_PER_COMBINATION:
                found[combination] = found.get(combination, 0) + 1
                yield combination, word
        # After the longest length, only new states can have new combinations.
        if length >= max(lengths, default=0):
            seen |= layer.keys()
        following: dict[int, str] = {}
        for state, word in layer.items():
            for character, target in machine.moves(state):
                if target not in following and target not in seen:
                    following[target] = word + character
        layer = dict(islice(following.items(), MAX_STATES))
        if not layer:
            return


class _Machine:
    """All languages in step. A state is the number of a combination of their states; the first one is 0."""

    def __init__(self, languages: Sequence[Language]) -> None:
        self._languages = languages
        self._alphabet = characters(languages)
        self._states = [tuple(each.start() for each in languages)]
        self._numbers = {self._states[0]: 0}
        self._moves: dict[int, list[tuple[str, int]]] = {}
        self._combinations: dict[int, tuple[bool, ...]] = {}

    def combination(self, state: int, *, empty: bool) -> tuple[bool, ...]:
        """Return which languages contain a string that ends in a state."""
        if empty or state not in self._combinations:
            pairs = zip(self._languages, self._states[state], strict=True)
            combination = tuple(language.accepts(each, empty=empty) for language, each in pairs)
            if empty:
                return combination
            self._combinations[state] = combination
        return self._combinations[state]

    def moves(self, state: int) -> list[tuple[str, int]]:
        """Return the states after one more character, each with one such character."""
        if state not in self._moves:
            targets: dict[int, str] = {}
            for character in self._alphabet:
                pairs = zip(self._languages, self._states[state], strict=True)
                following = tuple(language.move(each, ord(character)) for language, each in pairs)
                if following not in self._numbers:
                    self._numbers[following] = len(self._states)
                    self._states.append(following)
                targets.setdefault(self._numbers[following], character)
            self._moves[state] = [(character, target) for target, character in targets.items()]
        return self._moves[state]


def characters(languages: Sequence[Language]) -> list[str]:
    """Return one character of each class: no language distinguishes the characters of a class."""
    return [_representative(*each) for each in classes(languages)]


def classes(languages: Sequence[Language]) -> list[tuple[int, int]]:
    """Return the ranges of characters that no language divides. The sizes in UTF-8 divide them too."""
    starts = {0, 1, 0x80, 0x800, 0x10000, SURROGATES[0], SURROGATES[1] + 1}
    for language in languages:
        starts |= {edge for low, high in language.ranges for edge in (low, high + 1)}
    edges = [*sorted(start for start in starts if start <= MAX_CHARACTER), MAX_CHARACTER + 1]
    spans = [(low, high - 1) for low, high in pairwise(edges)]
    # Letters first, so that samples are readable.
    spans.sort(key=lambda span: not any(span[0] <= ord(sign) <= span[1] for sign in "a0A"))
    return [span for span in spans if span[0] != SURROGATES[0]]


def _representative(low: int, high: int) -> str:
    """Return a printable character of a class, if there is one."""
    preferred = (sign for sign in "abz0A9_-" if low <= ord(sign) <= high)
    printable = (
        chr(code) for code in range(low, min(high, low + 200) + 1) if unicodedata.category(chr(code))[0] in "LNPS"
    )
    return next(preferred, None) or next(printable, chr(low))
