"""What must hold between the orders and what was told of them: each event once, and taken once by each consumer."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from services.operator.checks import Check, Inquiry, Offence, Result
from services.operator.domain import Event, Order, State, Told, total_pieces

EVENTS: Mapping[State, Sequence[str]] = {
    State.CONFIRMED: ("OrderPlaced", "OrderConfirmed"),
    State.REJECTED: ("OrderPlaced", "OrderRejected"),
    State.CANCELLED: ("OrderPlaced", "OrderConfirmed", "OrderCancelled"),
}
"""How an order ended → what is told of it, in this sequence."""
KINDS = {
    "OrderPlaced": "ORDER_PLACED",
    "OrderConfirmed": "ORDER_CONFIRMED",
    "OrderRejected": "ORDER_REJECTED",
    "OrderCancelled": "ORDER_CANCELLED",
}
"""Event → the kind of the notification that follows from it."""


def events(inquiry: Inquiry, told: Told) -> Result:
    """Each change of an order is told by one event, in its sequence; Kafka may have that event more than once."""
    by_order = _distinct(told.events)
    offences = [
        Offence(name, "an order", " ".join(event.kind for event in found))
        for name, found in by_order.items()
        if name not in inquiry.books.after
    ]
    for order in _kept(inquiry, told):
        mine = by_order.get(order.name, [])
        if [event.kind for event in mine] != list(EVENTS[order.state]):
            found = " ".join(f"{event.kind} {event.id}" for event in mine) or "none"
            offences.append(Offence(f"{order.name} {order.state}", " ".join(EVENTS[order.state]), found))
        offences += [
            Offence(
                f"{order.name} {event.id}", f"{order.total}, {dict(order.pieces)}", f"{event.total}, {event.pieces}"
            )
            for event in mine
            if (event.total, event.pieces) != (order.total, order.pieces)
        ]
    distinct = sum(map(len, by_order.values()))
    return Result("events", f"{distinct:,} events in {len(told.events):,} records of Kafka", offences)


def notifications(inquiry: Inquiry, told: Told) -> Result:
    """Customers were told once of each event."""
    by_order: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for notification in told.notifications:
        by_order[notification.order].append((notification.kind, notification.event))
    events_by_order = _distinct(told.events)
    kept = {order.name for order in _kept(inquiry, told)}
    offences = [
        Offence(name, "an order", f"notifications {' '.join(kind for kind, _ in found)}")
        for name, found in by_order.items()
        if name not in inquiry.books.after
    ]
    for name, order in inquiry.judged.items():
        found = sorted(by_order[name])
        wanted = sorted((KINDS[event.kind], event.id) for event in events_by_order.get(name, []))
        if name not in kept:  # Kafka has its events no more: each kind once is what can be said
            found = sorted((kind, "") for kind, _ in found)
            wanted = sorted((KINDS[kind], "") for kind in EVENTS[order.state])
        if found != wanted:
            offences.append(Offence(f"{name} {order.state}", f"told of {_pairs(wanted)}", _pairs(found)))
    return Result("notifications", f"{len(told.notifications):,} notifications", offences)


def sales(inquiry: Inquiry, told: Told) -> Result:
    """Analytics has counted each order once, as it is."""
    by_order = {sale.order: sale for sale in told.sales}
    offences = [
        Offence(f"sale of {sale.order}", "an order", sale.state)
        for sale in told.sales
        if sale.order not in inquiry.books.after
    ]
    if len(by_order) != len(told.sales):
        twice = [name for name, count in Counter(sale.order for sale in told.sales).items() if count > 1]
        offences += [Offence(f"sale of {name}", "one", "several") for name in twice]
    for name, order in inquiry.judged.items():
        sale = by_order.get(name)
        wanted = (order.state.value, order.total, order.pieces)
        if sale is None or (sale.state, sale.total, sale.pieces) != wanted:
            found = f"{sale.state}, {sale.total}, {sale.pieces}" if sale else "not counted"
            offences.append(Offence(f"sale of {name}", f"{order.state}, {order.total}, {order.pieces}", found))
    states = Counter(sale.state for sale in told.sales)
    return Result("analytics", ", ".join(f"{n:,} {state}" for state, n in sorted(states.items())) or "none", offences)


def demands(inquiry: Inquiry, told: Told) -> Result:
    """Inventory has counted each order's pieces once: asked for, sold, missed."""
    found = {demand.product: demand for demand in told.demands}
    open_ = total_pieces(inquiry.others)
    counts: Mapping[str, Callable[[Order], bool]] = {
        "asked": lambda _: True,
        "sold": lambda order: order.state is State.CONFIRMED,
        "missed": lambda order: order.lacks_stock,
    }
    offences: list[Offence] = []
    sums = []
    for name, counts_in in counts.items():
        certain = total_pieces(filter(counts_in, inquiry.judged.values()))
        for product in sorted({*certain, *found}):
            number = getattr(found[product], name) if product in found else 0
            if not certain[product] <= number <= certain[product] + open_[product]:
                at_most = f" to {certain[product] + open_[product]}" if open_[product] else ""
                offences.append(Offence(f"demand for {product}", f"{name} {certain[product]}{at_most}", str(number)))
        sums.append(f"{sum(getattr(demand, name) for demand in found.values()):,} {name}")
    return Result("demand", ", ".join(sums), offences)


def dead_letters(_: Inquiry, told: Told) -> Result:
    """No consumer has put an event aside that nobody had it take again."""
    offences = [Offence(group, "no dead letters", str(count)) for group, count in told.dead_letters.items() if count]
    return Result("dead letters", f"{sum(told.dead_letters.values())} of {', '.join(told.dead_letters)}", offences)


def _distinct(records: Iterable[Event]) -> dict[str, list[Event]]:
    """Answer the events of each order, each at its first record."""
    found: dict[str, dict[str, Event]] = {}
    for event in records:
        found.setdefault(event.order, {}).setdefault(event.id, event)
    return {order: list(mine.values()) for order, mine in found.items()}


def _kept(inquiry: Inquiry, told: Told) -> list[Order]:
    """Answer the judged orders of which Kafka still has every event."""
    return [order for order in inquiry.judged.values() if told.since is None or order.create_time > told.since]


def _pairs(told: Iterable[tuple[str, str]]) -> str:
    return ", ".join(" ".join(pair).strip() for pair in told) or "nothing"


TELLING: Sequence[Callable[[Inquiry, Told], Result]] = (events, notifications, sales, demands, dead_letters)


def all_checks(inquiry: Inquiry, books: Sequence[Check]) -> list[Result]:
    """Carry out every check; those of what was told only if there is Kafka."""
    told = inquiry.books.told
    return [*(check(inquiry) for check in books), *(check(inquiry, told) for check in TELLING if told is not None)]
