"""Values of a single field: those at the limits of its rules first."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from string import ascii_lowercase

from google.protobuf.descriptor import FieldDescriptor

from tools.breaking.samples.expressions import Language, UnsupportedError, translate
from tools.breaking.samples.languages import words
from tools.breaking.samples.literals import Literals

MAX_SIZE = 20_000
"""The longest string, in characters, and the longest list, in entries, that are tried."""
MAX_COMBINED_NUMBERS = 10
MAX_EXACT_LENGTH = 300
"""Up to this length, strings of every limit are searched for among those that match the patterns."""
MAX_LANGUAGES, MAX_PARTS = 6, 2
"""How many expressions and words of a field's rules are combined with each other."""
FORMATS = (
    *("a@b.example", "A.B+c@b.example", "a@b", "a b@c.example"),
    *("shop.example", "shop", "-shop.example", "SHOP.example", "shop.example.", "shop.example:443", "shop:0"),
    *("192.0.2.1", "192.0.2.1:80", "192.0.2.0/24", "192.0.2.1/24", "2001:db8::1", "[2001:db8::1]:80"),
    *("2001:db8::/32", "2001:db8::1/32", "256.0.0.1"),
    *("https://shop.example/a?b=c#d", "http://shop.example", "urn:a:b", "./a?b", "//shop.example", "a:b c"),
    *(
        "123e4567-e89b-12d3-a456-426614174000",
        "123E4567-E89B-12D3-A456-426614174000",
        "123e4567e89b12d3a456426614174000",
    ),
    *("01ARZ3NDEKTSV4RRFFQ69G5FAV", "shop.orders.v1.Order", ".shop.orders.v1.Order", "X-Header", ":path", "two\nlines"),
    *(
        " ",
        " a",
        "a ",
        "a b",
        "A",
        "Z",
        "é",
        "\u20ac",
        "\U0001f600",
        "\x00",
        "a\x00",
        "\n",
        "a\n",
        "\t",
        "0",
        "-1",
        "-",
        "/",
        "a/b",
    ),
)
"""Strings of the formats that standard rules know, and strings that are often forgotten."""
FILLERS = ("a", "A", "0", "é", "\U0001f600", " ")
BYTES = (b"", b"\x00", b"\xff", b"\x7f\x00\x00\x01", b"\x00" * 15 + b"\x01", b"\x01" * 16, b"\xff\xfe")
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
TIMES = {
    "google.protobuf.Timestamp": (-62_135_596_800, 253_402_300_799),
    "google.protobuf.Duration": (-(10**11), 10**11),
}
"""Messages that are a time, with their first and last second."""
SPANS = (0, 1, 60, 3600, 86_400, 31_622_400, 10**9)
"""Seconds before and after now."""
NANO = Decimal(1).scaleb(-9)

Scalar = str | bytes | int | float | bool


def numbers(literals: Literals) -> list[int]:
    """Return the whole numbers in rules, and what is left of one after another: an expression may add two fields."""
    plain = sorted({int(number) for number in literals.numbers})
    few = plain if len(plain) <= MAX_COMBINED_NUMBERS else []
    return sorted({*plain, *(one - other for one in few for other in few if one > other)})


def sizes(literals: Literals) -> list[int]:
    """Return the sizes of strings and lists to try: those in the rules, one less and one more."""
    near = {number + step for number in numbers(literals) for step in (-1, 0, 1)} | {0, 1, 2, 3}
    return sorted(size for size in near if 0 <= size <= MAX_SIZE)


def scalars(field: FieldDescriptor, literals: Literals) -> Iterator[Scalar]:
    """Yield values of a field, or of the entries of a list, without duplicates."""
    if field.cpp_type in INTEGERS:
        low, high = INTEGERS[field.cpp_type]
        known = [*numbers(literals), *map(int, _words_as_numbers(literals))]
        near = (number + step for number in known for step in (0, 1, -1))
        yield from dict.fromkeys(
            each for each in chain(near, (1, 0, 2, -1, 10, 1000, low, high)) if low <= each <= high
        )
    elif field.cpp_type in FLOATS:
        yield from _floats(field, literals)
    elif field.enum_type is not None:
        known = [value.number for value in field.enum_type.values]
        yield from dict.fromkeys([*known[1:], *known[:1], max(known) + 1, -1])
    elif field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        yield from (True, False)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        yield from BYTES
        yield from dict.fromkeys(text.encode("utf-8", "surrogatepass") for text in _strings(literals))
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        yield from _strings(literals)


def times(message: str, literals: Literals) -> Iterator[tuple[int, int]]:
    """Yield seconds and nanoseconds of a Timestamp or a Duration."""
    first, last = TIMES[message]
    moments = {Decimal(seconds) + offset for seconds in (0, 1, -1) for offset in (0, NANO)} | {
        Decimal(first),
        Decimal(last),
    }
    moments |= {seconds + step for seconds in literals.seconds for step in (-1, -NANO, 0, NANO, 1)}
    moments |= {Decimal(sign * span) for span in SPANS for sign in (1, -1)}
    if message == "google.protobuf.Timestamp":
        now = Decimal(int(datetime.now(UTC).timestamp()))
        spans = {*map(Decimal, SPANS), *(span + step for span in literals.seconds for step in (-5, 5))}
        moments |= {now + sign * span for span in spans for sign in (1, -1)}
    for moment in sorted(moments, key=abs):
        if first <= moment <= last:
            # The sign of nanos is that of a Duration; those of a Timestamp always count forward.
            seconds = int(moment) if message == "google.protobuf.Duration" else math.floor(moment)
            yield seconds, int((moment - seconds).scaleb(9))


@cache
def _language(pattern: str) -> Language | None:
    try:
        return Language(pattern)
    except UnsupportedError:
        return None


def _strings(literals: Literals) -> Iterator[str]:
    patterns, found = frozenset(literals.patterns), frozenset(literals.words)
    yield from _cached(patterns, found, tuple(sizes(literals)))


@cache
def _cached(patterns: frozenset[str], found: frozenset[str], lengths: tuple[int, ...]) -> tuple[str, ...]:
    near = frozenset(length for length in lengths if length <= MAX_EXACT_LENGTH)
    short = sorted((word for word in found if word), key=lambda word: (len(word), word))
    # A word may be a part or the start of the value. Words with spaces are texts of errors.
    parts = [re.escape(word) for word in short if " " not in word][:MAX_PARTS]
    expressions = [*sorted(patterns), *parts, *(f"^{part}" for part in parts)]
    known = [language for each in expressions if (language := _language(each))][:MAX_LANGUAGES]
    strings = [word for _, word in words(known, near)] if known else []
    # First those that match the most expressions.
    strings.sort(key=lambda text: -sum(bool(_search(pattern, text)) for pattern in patterns))
    texts = [
        *short,
        *strings,
        *(word + "a" for word in short),
        *("a" + word for word in short),
        *(word[:-1] for word in short),
    ]
    texts += [word.upper() for word in short] + [word.lower() for word in short]
    texts += [filler * length for length in lengths for filler in FILLERS]
    texts += [word + filler * (length - len(word)) for word in short[:8] for length in lengths for filler in "a0"]
    texts += [word + filler * length for word in short[:8] for length in lengths for filler in "a0"]
    return tuple(dict.fromkeys([*texts, *FORMATS]))


def _search(pattern: str, text: str) -> object:
    try:
        return re.search(translate(pattern), text)
    except re.error:
        return None


def variants(text: str, count: int, patterns: frozenset[str]) -> list[str]:
    """Return up to `count` strings that match the same patterns as a string, and differ from each other."""
    want = [bool(_search(pattern, text)) for pattern in patterns]
    found = dict.fromkeys([text])
    for number in range(count * 40):
        digits = _digits(number)
        candidates = (text[: len(text) - len(digits)] + digits, text + digits)
        for candidate in candidates:
            if len(found) < count and [bool(_search(pattern, candidate)) for pattern in patterns] == want:
                found[candidate] = None
        if len(found) >= count:
            break
    return list(found)


def _digits(number: int) -> str:
    """Return a number in letters: a, b, … z, aa, ab."""
    rest, last = divmod(number, len(ascii_lowercase))
    return (_digits(rest - 1) if rest else "") + ascii_lowercase[last]


def _words_as_numbers(literals: Literals) -> set[Decimal]:
    return {Decimal(word) for word in literals.words if re.fullmatch(r"-?\d{1,30}", word)}


def _floats(field: FieldDescriptor, literals: Literals) -> Iterator[float]:
    step = 2.0**-23 if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT else 2.0**-52
    near = [float(number) for number in literals.numbers]
    edges = (each + sign * max(abs(each), step) * step for each in near for sign in (-1, 1))
    half = (each + sign / 2 for each in near for sign in (-1, 1))
    others = (1.0, 0.0, -0.0, -1.0, 0.5, 2.0, 1e-6, 1e6, 3.0e38, -3.0e38, math.inf, -math.inf, math.nan)
    yield from dict.fromkeys(chain(near, edges, half, (each + sign for each in near for sign in (-1, 1)), others))
