"""Checks of a request that gather every offending field before they refuse it."""

import re
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from google.type import money_pb2

from services.runtime.money import CENT, CURRENCIES, UNIT, to_cents

REQUEST_ID = re.compile(r"[A-Za-z0-9\-_.:]{1,64}")
RESOURCE_ID = re.compile(r"[a-z0-9-]{1,64}")
NUL = "\0"


@dataclass(frozen=True, slots=True)
class Violation:
    """One offending field: its path in the request ("lines[1].quantity") and what it must be."""

    field: str
    description: str


class InvalidFieldsError(Exception):
    """The request breaks its contract. INVALID_ARGUMENT, with one violation for each offending field."""

    def __init__(self, violations: list[Violation]) -> None:
        first = violations[0]
        others = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{first.field} {first.description}{others}")
        self.violations = violations


class Check:
    """Gathers violations in a `with` block and raises them together, as InvalidFieldsError, at its end.

    Each method answers a usable value even if the field offends, so that the next check can run.
    """

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def __enter__(self) -> Self:
        """Begin to gather."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Raise what was gathered."""
        if kind is None and self._violations:
            raise InvalidFieldsError(self._violations)

    def that(self, field: str, description: str, *, holds: bool) -> bool:
        """Note that `field` must be as `description` says, unless it `holds`; answer whether it does."""
        if not holds:
            self._violations.append(Violation(field, description))
        return holds

    def request_id(self, value: str, field: str = "request_id") -> str:
        """Check a caller's id of its request."""
        fits = bool(REQUEST_ID.fullmatch(value))
        self.that(field, 'must be 1 to 64 letters, digits and characters of "-_.:"', holds=fits)
        return value

    def text(self, field: str, value: str, *, longest: int, shortest: int = 1) -> str:
        """Check a text of `shortest` to `longest` characters, none of them NUL: PostgreSQL does not take it."""
        fits = shortest <= len(value) <= longest and NUL not in value
        self.that(field, f"must have {shortest} to {longest} characters, none of them NUL", holds=fits)
        return value

    def integer(self, field: str, value: int, *, least: int, most: int) -> int:
        """Check a whole number from `least` to `most`."""
        self.that(field, f"must be {least} to {most}", holds=least <= value <= most)
        return value

    def resource(self, field: str, value: str, collection: str, pattern: re.Pattern[str] = RESOURCE_ID) -> str:
        """Answer the id in a resource name such as "products/p-1", whose collection is "products"."""
        prefix, _, resource_id = value.partition("/")
        fits = prefix == collection and bool(pattern.fullmatch(resource_id))
        self.that(field, f'must be of the form "{collection}/{{id}}"', holds=fits)
        return resource_id

    def amount(self, field: str, value: money_pb2.Money, *, most_units: int) -> int:
        """Answer the cents of an amount above zero and up to `most_units`, in a currency that is taken."""
        taken = ", ".join(sorted(CURRENCIES))
        self.that(f"{field}.currency_code", f"must be one of {taken}", holds=value.currency_code in CURRENCIES)
        whole = value.nanos % CENT == 0 and 0 <= value.nanos < UNIT
        self.that(f"{field}.nanos", f"must be a multiple of {CENT} from 0 to {UNIT - CENT}", holds=whole)
        cents = to_cents(value)
        fits = 0 < cents <= most_units * 100 or (cents == 0 and not whole)
        self.that(f"{field}.units", f"must make an amount above zero and of at most {most_units} units", holds=fits)
        return cents
