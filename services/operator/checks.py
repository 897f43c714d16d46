"""What must hold between the books: each check answers what it has counted, and every row that offends it.

Orders come in and are cancelled while the books are read. `judged` are the orders that ended and stood still: for them
all must be as it has to be. What the others do meanwhile lies between nothing and all of their pieces.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.operator.domain import ENDS, Books, Money, Order, Payment, State, total_pieces


@dataclass(frozen=True, slots=True)
class Offence:
    """A row that is not as it must be."""

    name: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a check has found: its figures in a line, and what offends it."""

    check: str
    figures: str
    offences: Sequence[Offence]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is judged: the books, the orders that were there at the start, and those of them that are to be judged."""

    books: Books
    known: frozenset[str]
    judged: Mapping[str, Order]

    @classmethod
    def of(cls, books: Books, known: Iterable[str]) -> "Inquiry":
        """Begin one; `known` are the orders of the first reading."""
        at_start = frozenset(known)
        return cls(books, at_start, books.settled(at_start))

    @property
    def others(self) -> list[Order]:
        """The orders that are not judged: under way, or later than the start."""
        return [order for name, order in self.books.after.items() if name not in self.judged]


Check = Callable[[Inquiry], Result]


class Owned(Protocol):
    """A row that belongs to an order."""

    @property
    def name(self) -> str:
        """Its resource name."""

    @property
    def state(self) -> str:
        """What has become of it."""

    @property
    def reference(self) -> str:
        """The order's name."""


def ended(inquiry: Inquiry) -> Result:
    """Every order that was there at the start has ended."""
    states = Counter(order.state for order in inquiry.books.after.values())
    figures = ", ".join(f"{states[state]:,} {state}" for state in State if states[state]) or "none"
    unended = [
        order for name, order in inquiry.books.after.items() if name in inquiry.known and order.state not in ENDS
    ]
    lost = sorted(inquiry.known - inquiry.books.after.keys())
    offences = [Offence(o.name, "an end", f"{o.state}, parked" if o.parked else o.state) for o in unended]
    return Result("orders", figures, [*offences, *(Offence(name, "an order", "none any more") for name in lost)])


def money(inquiry: Inquiry) -> Result:
    """What was captured less what was refunded is what the confirmed orders cost, in each currency."""
    under_way = {order.name for order in inquiry.others}
    captured, refunded, due = Counter[str](), Counter[str](), Counter[str]()
    for payment in inquiry.books.payments:
        if payment.reference not in under_way:
            captured[payment.amount.currency] += payment.amount.cents * (payment.state in {"CAPTURED", "REFUNDED"})
            refunded[payment.amount.currency] += payment.amount.cents * (payment.state == "REFUNDED")
    for order in inquiry.judged.values():
        due[order.total.currency] += order.total.cents * (order.state is State.CONFIRMED)
    currencies = sorted({*captured, *due})
    figures = [
        f"captured {Money(captured[each], each)} - refunded {Money(refunded[each], each)}, "
        f"confirmed {Money(due[each], each)}"
        for each in currencies
    ]
    offences = [
        Offence(each, str(Money(due[each], each)), str(Money(captured[each] - refunded[each], each)))
        for each in currencies
        if captured[each] - refunded[each] != due[each]
    ]
    return Result("money", "; ".join(figures) or "none", offences)


def conserved(inquiry: Inquiry) -> Result:
    """Of every product, available + reserved + sold = received."""
    stocks = inquiry.books.stocks
    offences = [
        Offence(
            stock.product,
            f"available + reserved + sold = {stock.received} received, none below zero",
            f"{stock.available} + {stock.reserved} + {stock.sold}",
        )
        for stock in stocks
        if stock.available + stock.reserved + stock.sold != stock.received
        or min(stock.available, stock.reserved, stock.sold) < 0
    ]
    return Result(
        "stock", f"{len(stocks):,} products, {sum(stock.received for stock in stocks):,} pieces received", offences
    )


def sold(inquiry: Inquiry) -> Result:
    """Of every product so many pieces are sold as confirmed orders have, and reserved none but for orders under way."""
    certain = total_pieces(order for order in inquiry.judged.values() if order.state is State.CONFIRMED)
    open_ = total_pieces(inquiry.others)
    stocks = {stock.product: stock for stock in inquiry.books.stocks}
    offences = [Offence(product, "a stock", "none") for product in sorted(certain.keys() - stocks.keys())]
    for product, stock in stocks.items():
        at_least, at_most = certain[product], certain[product] + open_[product]
        offences += _between(f"{product} sold", stock.sold, at_least, at_most)
        offences += _between(f"{product} reserved", stock.reserved, 0, open_[product])
    counted = sum(stock.sold for stock in stocks.values())
    return Result("sold", f"{counted:,} pieces sold, {certain.total():,} in confirmed orders", offences)


def payments(inquiry: Inquiry) -> Result:
    """Every order has the one payment that its state asks for, of its total; no payment is without its order."""
    wanted = {
        State.CONFIRMED: ("CAPTURED", 1),
        State.CANCELLED: ("REFUNDED", 1),
        State.REJECTED: ("VOIDED REFUNDED", 0),
    }
    offences = list(_owned(inquiry, inquiry.books.payments, lambda order: wanted[order.state]))
    for payment in inquiry.books.payments:
        order = inquiry.judged.get(payment.reference)
        if order and payment.amount != order.total:
            offences.append(Offence(payment.name, f"{order.total} as {order.name}", str(payment.amount)))
    return Result("payments", _tally(inquiry.books.payments), offences)


def reservations(inquiry: Inquiry) -> Result:
    """Every order has the one reservation that its state asks for, of its pieces; none is without its order."""
    wanted = {State.CONFIRMED: ("COMMITTED", 1), State.CANCELLED: ("RETURNED", 1), State.REJECTED: ("RELEASED", 0)}
    offences = list(_owned(inquiry, inquiry.books.reservations, lambda order: wanted[order.state]))
    for reservation in inquiry.books.reservations:
        order = inquiry.judged.get(reservation.reference)
        if order and reservation.pieces != order.pieces:
            offences.append(Offence(reservation.name, f"{dict(order.pieces)} as {order.name}", f"{reservation.pieces}"))
    return Result("reservations", _tally(inquiry.books.reservations), offences)


def shipments(inquiry: Inquiry) -> Result:
    """Every order that is shipped has the one shipment that its state asks for; no shipment is without its order."""
    wanted = {State.CONFIRMED: ("BOOKED", 1), State.CANCELLED: ("CANCELLED", 1), State.REJECTED: ("CANCELLED", 0)}
    offences = list(
        _owned(inquiry, inquiry.books.shipments, lambda order: wanted[order.state] if order.shipping else ("", 0))
    )
    for shipment in inquiry.books.shipments:
        order = inquiry.judged.get(shipment.reference)
        if order and order.shipping and shipment.price != order.shipping:
            offences.append(Offence(shipment.name, f"{order.shipping} as {order.name}", str(shipment.price)))
    return Result("shipments", _tally(inquiry.books.shipments), offences)


def _owned(inquiry: Inquiry, rows: Sequence[Owned], wanted: Callable[[Order], tuple[str, int]]) -> Iterable[Offence]:
    """Answer the rows whose order is missing or has another state; `wanted` says (states, how many at least)."""
    by_order: defaultdict[str, list[Owned]] = defaultdict(list)
    for row in rows:
        by_order[row.reference].append(row)
        if row.reference not in inquiry.books.after:
            yield Offence(row.name, "an order", f"{row.state} for {row.reference or 'nobody'}")
    for name, order in inquiry.judged.items():
        states, least = wanted(order)
        mine = by_order[name]
        if not least <= len(mine) <= 1 or any(row.state not in states.split() for row in mine):
            told = " or ".join(states.split()) or "none"
            found = ", ".join(f"{row.name} {row.state}" for row in mine) or "none"
            yield Offence(f"{name} {order.state}", f"one, {told}" if least else f"{told}, or none", found)


def _between(name: str, found: int, at_least: int, at_most: int) -> list[Offence]:
    if at_least <= found <= at_most:
        return []
    return [Offence(name, f"{at_least}" if at_least == at_most else f"{at_least} to {at_most}", str(found))]


def _tally(rows: Sequence[Owned] | Sequence[Payment]) -> str:
    states = Counter(row.state for row in rows)
    return ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "none"


BOOKS: Sequence[Check] = (ended, money, conserved, sold, payments, reservations, shipments)
