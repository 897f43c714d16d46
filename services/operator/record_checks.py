"""Checks that the records of orders, payments, inventory and shipping agree."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from services.operator.checks import Check, CheckResult, Mismatch, Snapshot
from services.operator.domain import FINAL_STATES, Money, Order, Payment, State, total_pieces


class OrderRecord(Protocol):
    """A record that belongs to an order."""

    @property
    def name(self) -> str:
        """The record's resource name."""

    @property
    def state(self) -> str:
        """The record's state, by its name in the contract."""

    @property
    def reference(self) -> str:
        """The order's name."""


def check_orders(snapshot: Snapshot) -> CheckResult:
    """Check that every order of the first reading has a final state."""
    orders = snapshot.records.orders_after
    states = Counter(order.state for order in orders.values())
    figures = ", ".join(f"{states[state]:,} {state}" for state in State if states[state]) or "none"
    unfinished = [
        order for name, order in orders.items() if name in snapshot.initial_orders and order.state not in FINAL_STATES
    ]
    lost = sorted(snapshot.initial_orders - orders.keys())
    mismatches = [Mismatch(o.name, "a final state", f"{o.state}, parked" if o.parked else o.state) for o in unfinished]
    mismatches += [Mismatch(name, "an order", "none any more") for name in lost]
    return CheckResult("orders", figures, mismatches)


def check_money(snapshot: Snapshot) -> CheckResult:
    """Check that captured - refunded is the total of the confirmed orders, in each currency."""
    unchecked = {order.name for order in snapshot.unchecked}
    captured, refunded, due = Counter[str](), Counter[str](), Counter[str]()
    for payment in snapshot.records.payments:
        if payment.reference not in unchecked:
            captured[payment.amount.currency] += payment.amount.cents * (payment.state in {"CAPTURED", "REFUNDED"})
            refunded[payment.amount.currency] += payment.amount.cents * (payment.state == "REFUNDED")
    for order in snapshot.checked.values():
        due[order.total.currency] += order.total.cents * (order.state is State.CONFIRMED)
    currencies = sorted({*captured, *due})
    figures = [
        f"captured {Money(captured[each], each)} - refunded {Money(refunded[each], each)}, "
        f"confirmed {Money(due[each], each)}"
        for each in currencies
    ]
    mismatches = [
        Mismatch(each, str(Money(due[each], each)), str(Money(captured[each] - refunded[each], each)))
        for each in currencies
        if captured[each] - refunded[each] != due[each]
    ]
    return CheckResult("money", "; ".join(figures) or "none", mismatches)


def check_stock(snapshot: Snapshot) -> CheckResult:
    """Check that available + reserved + sold = received for every product."""
    stocks = snapshot.records.stocks
    mismatches = [
        Mismatch(
            stock.product,
            f"available + reserved + sold = {stock.received} received, none below zero",
            f"{stock.available} + {stock.reserved} + {stock.sold}",
        )
        for stock in stocks
        if stock.available + stock.reserved + stock.sold != stock.received
        or min(stock.available, stock.reserved, stock.sold) < 0
    ]
    received = sum(stock.received for stock in stocks)
    return CheckResult("stock", f"{len(stocks):,} products, {received:,} pieces received", mismatches)


def check_sold(snapshot: Snapshot) -> CheckResult:
    """Check that the sold pieces are those of confirmed orders, and that only unchecked orders have reserved pieces."""
    confirmed = total_pieces(order for order in snapshot.checked.values() if order.state is State.CONFIRMED)
    unchecked = total_pieces(snapshot.unchecked)
    stocks = {stock.product: stock for stock in snapshot.records.stocks}
    mismatches = [Mismatch(product, "a stock", "none") for product in sorted(confirmed.keys() - stocks.keys())]
    for product, stock in stocks.items():
        low, high = confirmed[product], confirmed[product] + unchecked[product]
        mismatches += _compare_to_range(f"{product} sold", stock.sold, low, high)
        mismatches += _compare_to_range(f"{product} reserved", stock.reserved, 0, unchecked[product])
    sold = sum(stock.sold for stock in stocks.values())
    return CheckResult("sold", f"{sold:,} pieces sold, {confirmed.total():,} in confirmed orders", mismatches)


def check_payments(snapshot: Snapshot) -> CheckResult:
    """Check that every payment belongs to an order, and fits the order's state and total."""
    expected = {
        State.CONFIRMED: ("CAPTURED", 1),
        State.CANCELLED: ("REFUNDED", 1),
        State.REJECTED: ("VOIDED REFUNDED", 0),
    }
    payments = snapshot.records.payments
    mismatches = list(_compare_states(snapshot, payments, lambda order: expected[order.state]))
    for payment in payments:
        order = snapshot.checked.get(payment.reference)
        if order and payment.amount != order.total:
            mismatches.append(Mismatch(payment.name, f"{order.total} as {order.name}", str(payment.amount)))
    return CheckResult("payments", _count_states(payments), mismatches)


def check_reservations(snapshot: Snapshot) -> CheckResult:
    """Check that every reservation belongs to an order, and fits the order's state and pieces."""
    expected = {State.CONFIRMED: ("COMMITTED", 1), State.CANCELLED: ("RETURNED", 1), State.REJECTED: ("RELEASED", 0)}
    reservations = snapshot.records.reservations
    mismatches = list(_compare_states(snapshot, reservations, lambda order: expected[order.state]))
    for reservation in reservations:
        order = snapshot.checked.get(reservation.reference)
        if order and reservation.pieces != order.pieces:
            mismatches.append(
                Mismatch(reservation.name, f"{dict(order.pieces)} as {order.name}", f"{reservation.pieces}")
            )
    return CheckResult("reservations", _count_states(reservations), mismatches)


def check_shipments(snapshot: Snapshot) -> CheckResult:
    """Check that every shipment belongs to an order, and fits the order's state and shipping price."""
    expected = {State.CONFIRMED: ("BOOKED", 1), State.CANCELLED: ("CANCELLED", 1), State.REJECTED: ("CANCELLED", 0)}
    shipments = snapshot.records.shipments
    mismatches = list(
        _compare_states(snapshot, shipments, lambda order: expected[order.state] if order.shipping else ("", 0))
    )
    for shipment in shipments:
        order = snapshot.checked.get(shipment.reference)
        if order and order.shipping and shipment.price != order.shipping:
            mismatches.append(Mismatch(shipment.name, f"{order.shipping} as {order.name}", str(shipment.price)))
    return CheckResult("shipments", _count_states(shipments), mismatches)


def _compare_states(
    snapshot: Snapshot, records: Sequence[OrderRecord], expect: Callable[[Order], tuple[str, int]]
) -> Iterable[Mismatch]:
    """Yield the records without an order, and the orders whose records have an unexpected state or number.

    `expect` returns the allowed states, separated by spaces, and the minimum number of records. The maximum is one.
    """
    by_order: defaultdict[str, list[OrderRecord]] = defaultdict(list)
    for record in records:
        by_order[record.reference].append(record)
        if record.reference not in snapshot.records.orders_after:
            yield Mismatch(record.name, "an order", f"{record.state} for {record.reference or 'no order'}")
    for name, order in snapshot.checked.items():
        states, minimum = expect(order)
        own = by_order[name]
        if not minimum <= len(own) <= 1 or any(record.state not in states.split() for record in own):
            allowed = " or ".join(states.split()) or "none"
            actual = ", ".join(f"{record.name} {record.state}" for record in own) or "none"
            yield Mismatch(f"{name} {order.state}", f"one, {allowed}" if minimum else f"{allowed}, or none", actual)


def _compare_to_range(name: str, actual: int, low: int, high: int) -> list[Mismatch]:
    if low <= actual <= high:
        return []
    return [Mismatch(name, f"{low}" if low == high else f"{low} to {high}", str(actual))]


def _count_states(records: Sequence[OrderRecord] | Sequence[Payment]) -> str:
    states = Counter(record.state for record in records)
    return ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "none"


RECORD_CHECKS: Sequence[Check] = (
    check_orders,
    check_money,
    check_stock,
    check_sold,
    check_payments,
    check_reservations,
    check_shipments,
)
