"""The ledger's checks over plain data: sound books pass, and every kind of fault is found and named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.operator.checks import BOOKS, Inquiry
from services.operator.domain import (
    Books,
    Demand,
    Event,
    Money,
    Notification,
    Order,
    Payment,
    Reservation,
    Sale,
    Shipment,
    State,
    Stock,
    Told,
)
from services.operator.telling import EVENTS, KINDS, all_checks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICE, FEE = Money(1000, "EUR"), Money(490, "EUR")
CUP, MUG = "products/cup", "products/mug"


def an_order(name: str, state: State, *, shipped: bool = False, lacks_stock: bool = False) -> Order:
    return Order(
        name=f"orders/{name}",
        state=state,
        pieces={CUP: 2},
        total=PRICE,
        shipping=FEE if shipped else None,
        lacks_stock=lacks_stock,
        parked=False,
        create_time=NOW,
        update_time=NOW,
    )


CONFIRMED = an_order("confirmed", State.CONFIRMED, shipped=True)
REJECTED = an_order("rejected", State.REJECTED, shipped=True)
SHORT = an_order("short", State.REJECTED, lacks_stock=True)
CANCELLED = an_order("cancelled", State.CANCELLED, shipped=True)
COLLECTED = an_order("collected", State.CONFIRMED)
ORDERS = {order.name: order for order in (CONFIRMED, REJECTED, SHORT, CANCELLED, COLLECTED)}


def events_of(order: Order) -> list[Event]:
    return [Event(f"{order.name}-{kind}", kind, order.name, order.pieces, order.total) for kind in EVENTS[order.state]]


EVENT_LIST = [event for order in ORDERS.values() for event in events_of(order)]
TOLD = Told(
    events=EVENT_LIST,
    since=None,
    notifications=[Notification(event.id, event.order, KINDS[event.kind]) for event in EVENT_LIST],
    sales=[Sale(order.name, order.state.value, order.pieces, order.total) for order in ORDERS.values()],
    demands=[Demand(CUP, asked=10, sold=4, missed=2)],
    dead_letters={"inventory": 0},
)
SOUND = Books(
    before=ORDERS,
    after=ORDERS,
    payments=[
        Payment("payments/1", "CAPTURED", PRICE, CONFIRMED.name),
        Payment("payments/2", "VOIDED", PRICE, REJECTED.name),
        Payment("payments/3", "REFUNDED", PRICE, CANCELLED.name),
        Payment("payments/4", "CAPTURED", PRICE, COLLECTED.name),
    ],
    reservations=[
        Reservation("reservations/1", "COMMITTED", {CUP: 2}, CONFIRMED.name),
        Reservation("reservations/2", "RELEASED", {CUP: 2}, REJECTED.name),
        Reservation("reservations/3", "RETURNED", {CUP: 2}, CANCELLED.name),
        Reservation("reservations/4", "COMMITTED", {CUP: 2}, COLLECTED.name),
    ],
    shipments=[
        Shipment("shipments/1", "BOOKED", FEE, CONFIRMED.name),
        Shipment("shipments/2", "CANCELLED", FEE, REJECTED.name),
        Shipment("shipments/3", "CANCELLED", FEE, CANCELLED.name),
    ],
    stocks=[Stock(CUP, available=6, reserved=0, sold=4, received=10), Stock(MUG, 3, 0, 0, 3)],
    told=TOLD,
)


def offences(books: Books, known: Mapping[str, Order] = ORDERS) -> dict[str, list[str]]:
    """Answer the names of the offending rows, by check."""
    results = all_checks(Inquiry.of(books, known), BOOKS)
    return {result.check: [offence.name for offence in result.offences] for result in results if result.offences}


def test_sound_books_balance() -> None:
    assert offences(SOUND) == {}
    assert len(Inquiry.of(SOUND, ORDERS).judged) == 5


def test_no_orders_at_all_balance() -> None:
    untouched = Stock(CUP, 10, 0, 0, 10)
    nothing = Told([], None, [], [], [], {})
    assert offences(Books({}, {}, [], [], [], [untouched], nothing), {}) == {}


def with_book(rows: str, book: list[Any]) -> Books:
    fields: dict[str, Any] = {rows: book}
    return replace(SOUND, **fields)


def first(rows: str, **changed: object) -> Books:
    """Change the first row of a book."""
    book = getattr(SOUND, rows)
    return with_book(rows, [replace(book[0], **changed), *book[1:]])


def without_first(rows: str) -> Books:
    return with_book(rows, getattr(SOUND, rows)[1:])


def one_more(rows: str, row: object) -> Books:
    return with_book(rows, [*getattr(SOUND, rows), row])


def unended(state: State) -> Books:
    stuck = {**ORDERS, SHORT.name: replace(SHORT, state=state)}
    return replace(SOUND, before=stuck, after=stuck)


CONFIRMED_ROW = f"{CONFIRMED.name} CONFIRMED"


@pytest.mark.parametrize(
    ("books", "check", "row"),
    [
        pytest.param(unended(State.PENDING), "orders", SHORT.name, id="an order without an end"),
        pytest.param(unended(State.CANCELLING), "orders", SHORT.name, id="an order that is being cancelled for ever"),
        pytest.param(first("payments", state="REFUNDED"), "money", "EUR", id="money that was paid back"),
        pytest.param(first("payments", amount=Money(999, "EUR")), "money", "EUR", id="a cent too little"),
        pytest.param(first("payments", amount=Money(1000, "USD")), "money", "USD", id="another currency"),
        pytest.param(first("payments", amount=Money(999, "EUR")), "payments", "payments/1", id="another amount"),
        pytest.param(first("payments", state="AUTHORIZED"), "payments", CONFIRMED_ROW, id="not captured"),
        pytest.param(without_first("payments"), "payments", CONFIRMED_ROW, id="no payment"),
        pytest.param(
            one_more("payments", Payment("payments/9", "CAPTURED", PRICE, CONFIRMED.name)),
            "payments",
            CONFIRMED_ROW,
            id="captured twice",
        ),
        pytest.param(
            one_more("payments", Payment("payments/9", "AUTHORIZED", PRICE, SHORT.name)),
            "payments",
            f"{SHORT.name} REJECTED",
            id="an authorization that was left",
        ),
        pytest.param(
            one_more("payments", Payment("payments/9", "AUTHORIZED", PRICE, "orders/none")),
            "payments",
            "payments/9",
            id="an authorization for no order",
        ),
        pytest.param(
            one_more("payments", Payment("payments/9", "CAPTURED", PRICE, "orders/none")),
            "money",
            "EUR",
            id="money for no order",
        ),
        pytest.param(first("stocks", available=5), "stock", CUP, id="a piece that is gone"),
        pytest.param(first("stocks", available=-1, received=3), "stock", CUP, id="stock below zero"),
        pytest.param(first("stocks", available=7, sold=3), "sold", f"{CUP} sold", id="a piece that was not sold"),
        pytest.param(first("stocks", available=5, sold=5), "sold", f"{CUP} sold", id="a piece that nobody bought"),
        pytest.param(first("stocks", available=5, reserved=1), "sold", f"{CUP} reserved", id="held for nobody"),
        pytest.param(replace(SOUND, stocks=[]), "sold", CUP, id="sold without a stock"),
        pytest.param(first("reservations", state="HELD"), "reservations", CONFIRMED_ROW, id="not committed"),
        pytest.param(first("reservations", pieces={CUP: 1}), "reservations", "reservations/1", id="other pieces"),
        pytest.param(without_first("reservations"), "reservations", CONFIRMED_ROW, id="no reservation"),
        pytest.param(first("reservations", reference=""), "reservations", "reservations/1", id="held for no order"),
        pytest.param(first("shipments", state="CANCELLED"), "shipments", CONFIRMED_ROW, id="not sent"),
        pytest.param(first("shipments", price=PRICE), "shipments", "shipments/1", id="another price"),
        pytest.param(without_first("shipments"), "shipments", CONFIRMED_ROW, id="no shipment"),
        pytest.param(
            one_more("shipments", Shipment("shipments/9", "BOOKED", FEE, "orders/none")),
            "shipments",
            "shipments/9",
            id="a shipment for no order",
        ),
        pytest.param(
            one_more("shipments", Shipment("shipments/9", "BOOKED", FEE, COLLECTED.name)),
            "shipments",
            f"{COLLECTED.name} CONFIRMED",
            id="a shipment of what is collected",
        ),
    ],
)
def test_a_fault_in_the_books_is_found(books: Books, check: str, row: str) -> None:
    assert row in offences(books)[check]


def test_an_order_that_vanished_is_missed() -> None:
    left = {name: order for name, order in ORDERS.items() if order is not SHORT}
    assert offences(replace(SOUND, after=left))["orders"] == [SHORT.name]


def telling(rows: str, *, without: int | None = None, more: object = None, **changed: object) -> Books:
    """Change what was told: leave a row out, add one, or change the first."""
    book = list(getattr(TOLD, rows))
    if changed:
        book[0] = replace(book[0], **changed)
    if without is not None:
        del book[without]
    if more is not None:
        book.append(more)
    fields: dict[str, Any] = {rows: book}
    return replace(SOUND, told=replace(TOLD, **fields))


TWICE = replace(EVENT_LIST[1], id="another id")


@pytest.mark.parametrize(
    ("books", "check", "row"),
    [
        pytest.param(telling("events", without=1), "events", CONFIRMED_ROW, id="an event is missing"),
        pytest.param(telling("events", more=TWICE), "events", CONFIRMED_ROW, id="a change is told by two events"),
        pytest.param(telling("events", kind="OrderRejected"), "events", CONFIRMED_ROW, id="another change is told"),
        pytest.param(
            replace(SOUND, told=replace(TOLD, events=EVENT_LIST[::-1])), "events", CONFIRMED_ROW, id="out of sequence"
        ),
        pytest.param(
            telling("events", total=FEE), "events", f"{CONFIRMED.name} {EVENT_LIST[0].id}", id="another total"
        ),
        pytest.param(telling("events", order="orders/none"), "events", "orders/none", id="an event of no order"),
        pytest.param(telling("notifications", without=0), "notifications", CONFIRMED_ROW, id="a customer is not told"),
        pytest.param(
            telling("notifications", more=Notification("x", CONFIRMED.name, "ORDER_PLACED")),
            "notifications",
            CONFIRMED_ROW,
            id="a customer is told twice",
        ),
        pytest.param(
            telling("notifications", more=Notification("x", "orders/none", "ORDER_PLACED")),
            "notifications",
            "orders/none",
            id="a customer is told of no order",
        ),
        pytest.param(telling("notifications", event="x"), "notifications", CONFIRMED_ROW, id="by another event"),
        pytest.param(telling("sales", state="PLACED"), "analytics", f"sale of {CONFIRMED.name}", id="not counted up"),
        pytest.param(telling("sales", total=FEE), "analytics", f"sale of {CONFIRMED.name}", id="another revenue"),
        pytest.param(telling("sales", pieces={CUP: 1}), "analytics", f"sale of {CONFIRMED.name}", id="other pieces"),
        pytest.param(telling("sales", without=0), "analytics", f"sale of {CONFIRMED.name}", id="a sale is missing"),
        pytest.param(
            telling("sales", more=TOLD.sales[0]), "analytics", f"sale of {CONFIRMED.name}", id="a sale counts twice"
        ),
        pytest.param(
            telling("sales", order="orders/none"), "analytics", "sale of orders/none", id="a sale of no order"
        ),
        pytest.param(telling("demands", asked=12), "demand", f"demand for {CUP}", id="asked for twice"),
        pytest.param(telling("demands", sold=2), "demand", f"demand for {CUP}", id="a sale is not counted"),
        pytest.param(telling("demands", missed=0), "demand", f"demand for {CUP}", id="a miss is not counted"),
        pytest.param(telling("demands", without=0), "demand", f"demand for {CUP}", id="no demand"),
        pytest.param(
            telling("demands", more=Demand(MUG, 1, 0, 0)), "demand", f"demand for {MUG}", id="nobody asked for it"
        ),
        pytest.param(
            replace(SOUND, told=replace(TOLD, dead_letters={"inventory": 1})),
            "dead letters",
            "inventory",
            id="a dead letter",
        ),
    ],
)
def test_a_fault_in_what_was_told_is_found(books: Books, check: str, row: str) -> None:
    assert row in offences(books)[check]


def test_a_record_that_lies_in_kafka_twice_is_no_fault() -> None:
    assert offences(telling("events", more=EVENT_LIST[0])) == {}


def test_events_that_have_expired_are_not_missed_and_their_effects_stay() -> None:
    later = replace(TOLD, events=[], since=NOW + timedelta(days=1))
    assert offences(replace(SOUND, told=later)) == {}
    silent = replace(later, notifications=TOLD.notifications[1:])
    assert offences(replace(SOUND, told=silent)) == {"notifications": [CONFIRMED_ROW]}


LATE = an_order("late", State.PENDING)
UNDER_WAY = replace(
    SOUND,
    after={**ORDERS, LATE.name: LATE},
    payments=[*SOUND.payments, Payment("payments/9", "AUTHORIZED", PRICE, LATE.name)],
    reservations=[*SOUND.reservations, Reservation("reservations/9", "HELD", {CUP: 2}, LATE.name)],
    stocks=[Stock(CUP, available=4, reserved=2, sold=4, received=10)],
)


def test_an_order_that_came_meanwhile_is_left_to_the_next_time() -> None:
    assert offences(UNDER_WAY) == {}
    assert offences(replace(UNDER_WAY, stocks=[Stock(CUP, 4, 0, 6, 10)])) == {}, "its pieces may be sold by now"


def test_an_order_under_way_hides_no_fault_beyond_its_own_pieces() -> None:
    assert "sold" in offences(replace(UNDER_WAY, stocks=[Stock(CUP, 3, 0, 7, 10)]))
    assert "sold" in offences(replace(UNDER_WAY, stocks=[Stock(CUP, 3, 3, 4, 10)]))
    assert "sold" in offences(replace(UNDER_WAY, stocks=[Stock(CUP, 7, 0, 3, 10)]))


def test_an_order_that_changed_during_the_reading_is_not_judged() -> None:
    before = {**ORDERS, CANCELLED.name: replace(CANCELLED, state=State.CONFIRMED)}
    books = replace(first("payments"), before=before, told=None)
    assert CANCELLED.name not in Inquiry.of(books, ORDERS).judged
    assert offences(books) == {}
