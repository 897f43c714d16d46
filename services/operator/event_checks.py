"""Checks that each order has exactly its events in Kafka, and that each consumer recorded every event once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from services.operator.checks import CheckResult, Mismatch, Snapshot
from services.operator.domain import Event, EventRecords, Order, State, total_pieces

EVENTS: Mapping[State, Sequence[str]] = {
    State.CONFIRMED: ("OrderPlaced", "OrderConfirmed"),
    State.REJECTED: ("OrderPlaced", "OrderRejected"),
    State.CANCELLED: ("OrderPlaced", "OrderConfirmed", "OrderCancelled"),
}
"""Final state of an order → the types of its events, in sequence."""
NOTIFICATION_KINDS = {
    "OrderPlaced": "ORDER_PLACED",
    "OrderConfirmed": "ORDER_CONFIRMED",
    "OrderRejected": "ORDER_REJECTED",
    "OrderCancelled": "ORDER_CANCELLED",
}
"""Type of an event → the kind of the notification that it causes."""


def check_events(snapshot: Snapshot, records: EventRecords) -> CheckResult:
    """Check that each change of an order has exactly one event, in sequence. Kafka may hold duplicates of an event."""
    by_order = _distinct_events(records.events)
    mismatches = [
        Mismatch(name, "an order", " ".join(event.type for event in events))
        for name, events in by_order.items()
        if name not in snapshot.records.orders_after
    ]
    for order in _orders_with_all_events(snapshot, records):
        own = by_order.get(order.name, [])
        if [event.type for event in own] != list(EVENTS[order.state]):
            actual = " ".join(f"{event.type} {event.id}" for event in own) or "none"
            mismatches.append(Mismatch(f"{order.name} {order.state}", " ".join(EVENTS[order.state]), actual))
        mismatches += [
            Mismatch(
                f"{order.name} {event.id}", f"{order.total}, {dict(order.pieces)}", f"{event.total}, {event.pieces}"
            )
            for event in own
            if (event.total, event.pieces) != (order.total, order.pieces)
        ]
    distinct = sum(map(len, by_order.values()))
    return CheckResult("events", f"{distinct:,} events in {len(records.events):,} records of Kafka", mismatches)


def check_notifications(snapshot: Snapshot, records: EventRecords) -> CheckResult:
    """Check that each event caused exactly one notification."""
    by_order: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for notification in records.notifications:
        by_order[notification.order].append((notification.kind, notification.event))
    events_by_order = _distinct_events(records.events)
    complete = {order.name for order in _orders_with_all_events(snapshot, records)}
    mismatches = [
        Mismatch(name, "an order", f"notifications {' '.join(kind for kind, _ in own)}")
        for name, own in by_order.items()
        if name not in snapshot.records.orders_after
    ]
    for name, order in snapshot.checked.items():
        actual = sorted(by_order[name])
        expected = sorted((NOTIFICATION_KINDS[event.type], event.id) for event in events_by_order.get(name, []))
        if name not in complete:  # Kafka has deleted its events, so only the kinds can be compared.
            actual = sorted((kind, "") for kind, _ in actual)
            expected = sorted((NOTIFICATION_KINDS[event_type], "") for event_type in EVENTS[order.state])
        if actual != expected:
            mismatches.append(Mismatch(f"{name} {order.state}", _format_pairs(expected), _format_pairs(actual)))
    return CheckResult("notifications", f"{len(records.notifications):,} notifications", mismatches)


def check_sales(snapshot: Snapshot, records: EventRecords) -> CheckResult:
    """Check that analytics counted each order once, with its state, total and pieces."""
    by_order = {sale.order: sale for sale in records.sales}
    mismatches = [
        Mismatch(f"sale of {sale.order}", "an order", sale.state)
        for sale in records.sales
        if sale.order not in snapshot.records.orders_after
    ]
    if len(by_order) != len(records.sales):
        duplicates = [name for name, count in Counter(sale.order for sale in records.sales).items() if count > 1]
        mismatches += [Mismatch(f"sale of {name}", "one", "several") for name in duplicates]
    for name, order in snapshot.checked.items():
        sale = by_order.get(name)
        if sale is None or (sale.state, sale.total, sale.pieces) != (order.state.value, order.total, order.pieces):
            actual = f"{sale.state}, {sale.total}, {sale.pieces}" if sale else "not counted"
            mismatches.append(Mismatch(f"sale of {name}", f"{order.state}, {order.total}, {order.pieces}", actual))
    states = Counter(sale.state for sale in records.sales)
    figures = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "none"
    return CheckResult("analytics", figures, mismatches)


def check_demands(snapshot: Snapshot, records: EventRecords) -> CheckResult:
    """Check that inventory counted each order's pieces once: asked, sold, missed."""
    demands = {demand.product: demand for demand in records.demands}
    unchecked = total_pieces(snapshot.unchecked)
    counts: Mapping[str, Callable[[Order], bool]] = {
        "asked": lambda _: True,
        "sold": lambda order: order.state is State.CONFIRMED,
        "missed": lambda order: order.lacks_stock,
    }
    mismatches: list[Mismatch] = []
    sums = []
    for count, includes in counts.items():
        low = total_pieces(filter(includes, snapshot.checked.values()))
        for product in sorted({*low, *demands}):
            actual = getattr(demands[product], count) if product in demands else 0
            high = low[product] + unchecked[product]
            if not low[product] <= actual <= high:
                up_to = f" to {high}" if unchecked[product] else ""
                mismatches.append(Mismatch(f"demand for {product}", f"{count} {low[product]}{up_to}", str(actual)))
        sums.append(f"{sum(getattr(demand, count) for demand in demands.values()):,} {count}")
    return CheckResult("demand", ", ".join(sums), mismatches)


def check_dead_letters(_: Snapshot, records: EventRecords) -> CheckResult:
    """Check that every dead letter was reprocessed."""
    counts = records.dead_letters
    mismatches = [Mismatch(group, "no dead letters", str(count)) for group, count in counts.items() if count]
    return CheckResult("dead letters", f"{sum(counts.values())} of {', '.join(counts)}", mismatches)


def _distinct_events(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Return the events of each order without duplicates, in the sequence of their first records."""
    by_order: dict[str, dict[str, Event]] = {}
    for event in events:
        by_order.setdefault(event.order, {}).setdefault(event.id, event)
    return {order: list(own.values()) for order, own in by_order.items()}


def _orders_with_all_events(snapshot: Snapshot, records: EventRecords) -> list[Order]:
    """Return the checked orders whose events Kafka has not deleted."""
    since = records.complete_since
    return [order for order in snapshot.checked.values() if since is None or order.create_time > since]


def _format_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(" ".join(pair).strip() for pair in pairs) or "nothing"


EVENT_CHECKS: Sequence[Callable[[Snapshot, EventRecords], CheckResult]] = (
    check_events,
    check_notifications,
    check_sales,
    check_demands,
    check_dead_letters,
)
