"""The input and the result of a check."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.operator.domain import Order, Records


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A record that is not as expected."""

    name: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: its figures in one line, and every mismatch."""

    check: str
    figures: str
    mismatches: Sequence[Mismatch]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The records, the orders that existed at the first reading, and those of them that are checked.

    Customers place and cancel orders while the records are read. So only settled orders are `checked`: their records
    must match exactly. Every other order may add between none and all of its pieces to a product's count.
    """

    records: Records
    initial_orders: frozenset[str]
    checked: Mapping[str, Order]

    @classmethod
    def of(cls, records: Records, initial_orders: Iterable[str]) -> "Snapshot":
        """Create a snapshot; `initial_orders` are the names of the orders of the first reading."""
        names = frozenset(initial_orders)
        return cls(records, names, records.settled(names))

    @property
    def unchecked(self) -> list[Order]:
        """The orders that are not checked: in progress, or placed after the first reading."""
        return [order for name, order in self.records.orders_after.items() if name not in self.checked]


Check = Callable[[Snapshot], CheckResult]
