"""The numbers, words, patterns and times in validation rules, at which values become invalid."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
STRING = re.compile(r"(r?)('''|\"\"\"|'|\")((?:\\.|(?!\2).)*)\2", re.DOTALL)
"""A string literal of CEL: its prefix, its quote and its content."""
MATCHES = re.compile(r"matches\(\s*(r?)('|\")((?:\\.|(?!\2).)*)\2\s*\)", re.DOTALL)
DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")
SECONDS = {"h": "3600", "m": "60", "s": "1", "ms": "1e-3", "us": "1e-6", "ns": "1e-9"}
"""The length of each unit of a duration."""
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
MAX_WORDS = 60
MAX_PART_CHARACTERS = 2
"""A word of this length may be a separator, which is added to another word."""


@dataclass
class Literals:
    """What the rules of a request name."""

    numbers: set[Decimal] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    """Regular expressions."""
    seconds: set[Decimal] = field(default_factory=set)
    """Durations, and times since 1970."""

    def add_pattern(self, pattern: str) -> None:
        """Add a regular expression, and the numbers of its repetitions."""
        self.patterns.add(pattern)
        self.numbers |= {Decimal(number) for number in re.findall(r"(?<=[{,])\d+(?=[,}])", pattern)}

    def __or__(self, other: "Literals") -> "Literals":
        """Return the literals of both."""
        return Literals(
            self.numbers | other.numbers,
            self.words | other.words,
            self.patterns | other.patterns,
            self.seconds | other.seconds,
        )


def read(texts: Iterable[str]) -> Literals:
    """Return the literals in CEL expressions and in the values of rules."""
    found = Literals()
    for text in texts:
        for raw, _, content in MATCHES.findall(text):
            found.add_pattern(_unescape(content, raw))
        without_patterns = MATCHES.sub(" ", text)
        strings = [_unescape(content, raw) for raw, _, content in STRING.findall(without_patterns)]
        for word in strings:
            found.words.add(word)
            found.seconds |= _seconds(word)
        for number in NUMBER.findall(STRING.sub(" ", without_patterns)):
            found.numbers.add(Decimal(number))
    # One string that is added to another, such as `rule + '/'`, is one word in the value.
    short = sorted(found.words, key=len)[:MAX_WORDS]
    parts = [word for word in short if word and not word.isalnum() and len(word) <= MAX_PART_CHARACTERS]
    found.words |= {word + part for word in short for part in parts if word != part}
    return found


def _unescape(content: str, raw: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        return chr(int(code, 8)) if code.isdigit() else ESCAPES.get(code, code)

    if raw:
        return content
    return re.sub(
        r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", character, content, flags=re.DOTALL
    )


def _seconds(word: str) -> set[Decimal]:
    """Return the time that a word names: "2006-01-02T15:04:05Z" or "1h30m"."""
    if DURATION.fullmatch(word) or re.fullmatch(rf"(?:{DURATION.pattern})+", word):
        return {sum((Decimal(number) * Decimal(SECONDS[unit]) for number, unit in DURATION.findall(word)), Decimal(0))}
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return set()
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return {Decimal(int(moment.timestamp()))}
