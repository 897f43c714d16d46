"""What is wrong with a request: every offending field, told at once."""

from dataclasses import dataclass


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
