"""Whole requests that the older rules accept, and variations of them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, islice, product

from google.protobuf.message import Message

from tools.breaking.samples.fields import ENTRY, Fields, Rulebook, Value
from tools.breaking.samples.paths import Path, clear, is_map, message_in, paths
from tools.breaking.samples.values import sizes

MAX_REPAIRS = 60
"""How many rules of a request are satisfied one after the other."""
MAX_TRIES = 600
"""How many values are tried to satisfy one rule."""
MAX_PAIR_VALUES = 14
"""How many values of each of two fields are combined."""
MAX_PAIRS = 20_000
RANDOM_REQUESTS = 300
MAX_RANDOM_VALUES = 200
MAX_COPIES = 12
"""How often an entry of a list is repeated at most."""


@dataclass(frozen=True)
class Variation:
    """A request in which some fields have other values."""

    description: str
    message: Message


class Requests:
    """The requests of one type."""

    def __init__(self, kind: type[Message], rulebook: Rulebook) -> None:
        self._kind, self._rules = kind, rulebook
        self._fields = Fields(rulebook)

    @cached_property
    def bases(self) -> list[Message]:
        """Find requests that the older rules accept: one with every field and one with few fields, or none."""
        full = self._repair(self._fields.full(self._kind, ()))
        if full is None:
            full = self._repair(self._kind())
        if full is None:
            return []
        short = self._shorten(full)
        return [full] if short == full else [full, short]

    def variations(self, path: Path, together: frozenset[str] | None) -> Iterator[Variation]:
        """Yield requests in which the last field of a path, or a field inside of it, has other values.

        With `together`, also combinations of the values of fields with these names, of all fields if it names none. An
        empty path is the whole request.
        """
        inner = [path + each for each in paths(message_in(path[-1]) if path else self._kind.DESCRIPTOR)]
        yield from self.plain()
        for each in [path, *inner] if path else inner:
            for value in self._fields.values(each):
                for base in self.bases:
                    yield from self._vary(base, path, [(each, value)])
                    if together is not None:
                        yield from self._repeated(base, path, (each, value))
        if together is not None:
            named = [each for each in inner if not together.isdisjoint(field.name for field in each[len(path) :])]
            yield from islice(self._pairs(path, named or inner), MAX_PAIRS)
            yield from self._random(path, named or inner)

    def _repeated(self, base: Message, path: Path, change: tuple[Path, Value]) -> Iterator[Variation]:
        """Yield requests in which a list has the changed entry several times: an expression may count entries."""
        where = change[0]
        lists = [number for number, field in enumerate(where[:-1]) if field.is_repeated and not is_map(field)]
        counts = [size for size in sizes(self._rules.literals(where)) if 1 < size <= MAX_COPIES] if lists else []
        for varied in self._vary(base, path, [change]) if counts else ():
            holder = self._fields.enter(varied.message, where[: lists[-1]])
            entries = getattr(holder, where[lists[-1]].name)
            for count in counts:
                while len(entries) < count:
                    entries.add().CopyFrom(entries[0])
                message = self._kind()
                message.CopyFrom(varied.message)
                yield Variation(f"{varied.description} of {count} entries", message)

    def plain(self) -> Iterator[Variation]:
        """Yield the requests without a variation."""
        names = ("with every field", "with only the required fields")
        yield from (Variation(name, base) for name, base in zip(names, self.bases, strict=False))

    def _pairs(self, path: Path, inner: Sequence[Path]) -> Iterator[Variation]:
        few = {each: list(islice(self._fields.values(each), MAX_PAIR_VALUES)) for each in inner}
        for one, other in combinations(inner, 2):
            if one != other[: len(one)]:
                # Equal values too, because an expression may compare two fields.
                equal = ((value, value) for value in (*few[one], *few[other]) if one[-1].cpp_type == other[-1].cpp_type)
                for first, second in chain(product(few[one], few[other]), equal):
                    for base in self.bases:
                        yield from self._vary(base, path, [(one, first), (other, second)])

    def _random(self, path: Path, inner: Sequence[Path]) -> Iterator[Variation]:
        # The same values in every run, so that a report can be repeated.
        source = random.Random(0)  # noqa: S311  # nothing secret
        values = {each: list(islice(self._fields.values(each), MAX_RANDOM_VALUES)) for each in inner}
        usable = [each for each in inner if values[each]]
        for _ in range(RANDOM_REQUESTS if usable and self.bases else 0):
            chosen = source.sample(usable, min(len(usable), source.randint(1, 4)))
            changes = [(each, source.choice(values[each])) for each in chosen]
            yield from self._vary(source.choice(self.bases), path, changes)

    def _vary(self, base: Message, path: Path, changes: Sequence[tuple[Path, Value]]) -> Iterator[Variation]:
        message = self._kind()
        message.CopyFrom(base)
        try:
            for where, value in changes:
                value.put(self._fields.enter(message, where[:-1]), where[-1])
        except (ValueError, TypeError, AttributeError):
            return
        descriptions = [self._describe(where[len(path) :], value) for where, value in changes]
        yield Variation(" and ".join(descriptions), message)

    @staticmethod
    def _describe(inner: Path, value: Value) -> str:
        name = ".".join(field.name for field in inner)
        return f"{value.description} in {name}" if name else value.description

    def _repair(self, message: Message) -> Message | None:
        """Change a request until the older rules accept it. Return None if that fails."""
        for _ in range(MAX_REPAIRS):
            faults = self._rules.faults(message)
            if not faults:
                return message
            better = self._better(message, faults)
            if better is None:
                return None
            message = better
        return None

    def _better(self, message: Message, faults: list[tuple[str, ...]]) -> Message | None:
        """Return a request with fewer violations, or None."""
        fault = tuple(name for name in max(faults, key=len) if name != ENTRY)
        every_path = list(paths(self._kind.DESCRIPTOR))
        names = {path: tuple(field.name for field in path) for path in every_path}
        near = [path for path in every_path if names[path][: len(fault)] == fault or (path and names[path] == fault)]
        # The innermost first: a message without its fields has fewer violations too.
        near.sort(key=len, reverse=True)
        some = ((path, value) for path in near for value in islice(self._fields.values(path), MAX_PAIR_VALUES))
        more = ((path, value) for path in near for value in islice(self._fields.values(path), MAX_TRIES))
        singles = (variation for change in chain(some, more) for variation in self._vary(message, (), [change]))
        for variation in chain(singles, islice(self._joint(message, near), MAX_TRIES)):
            remaining = self._rules.faults(variation.message)
            if len(remaining) < len(faults):
                return variation.message
        return None

    def _joint(self, message: Message, paths: Sequence[Path]) -> Iterator[Variation]:
        source = random.Random(1)  # noqa: S311  # nothing secret
        values = {path: list(islice(self._fields.values(path), MAX_PAIR_VALUES)) for path in paths}
        usable = [path for path in paths if values[path]]
        while len(usable) > 1:
            chosen = source.sample(usable, min(len(usable), source.randint(2, 3)))
            yield from self._vary(message, (), [(path, source.choice(values[path])) for path in chosen])

    def _shorten(self, message: Message) -> Message:
        """Return the request without the fields that the older rules do not need."""
        short = self._kind()
        short.CopyFrom(message)
        for path in paths(self._kind.DESCRIPTOR):
            shorter = self._kind()
            shorter.CopyFrom(short)
            # Entries of lists stay whole: a field of one entry is no field of the request.
            if not any(field.is_repeated for field in path[:-1]) and clear(shorter, path):
                faults = self._rules.faults(shorter)
                short = shorter if faults == [] else short
        return short
