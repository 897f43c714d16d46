"""The ledger's checks over plain data: correct records pass, and each kind of mismatch is found and named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.operator.checks import Snapshot
from services.operator.domain import (
    Demand,
    Event,
    EventRecords,
    Money,
    Notification,
    Order,
    Payment,
    Records,
    Reservation,
    Sale,
    Shipment,
    State,
    Stock,
)
from services.operator.event_checks import EVENTS, NOTIFICATION_KINDS
from services.operator.ledger import run_checks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICE, FEE = Money(1000, "EUR"), Money(490, "EUR")
CUP, MUG = "products/cup", "products/mug"


def create_order(name: str, state: State, *, shipped: bool = False, lacks_stock: bool = False) -> Order:
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


CONFIRMED = create_order("confirmed", State.CONFIRMED, shipped=True)
REJECTED = create_order("rejected", State.REJECTED, shipped=True)
SHORT = create_order("short", State.REJECTED, lacks_stock=True)
CANCELLED = create_order("cancelled", State.CANCELLED, shipped=True)
COLLECTED = create_order("collected", State.CONFIRMED)
ORDERS = {order.name: order for order in (CONFIRMED, REJECTED, SHORT, CANCELLED, COLLECTED)}


def events_of(order: Order) -> list[Event]:
    return [
        Event(f"{order.name}-{event_type}", event_type, order.name, order.pieces, order.total)
        for event_type in EVENTS[order.state]
    ]


EVENT_LIST = [event for order in ORDERS.values() for event in events_of(order)]
EVENT_RECORDS = EventRecords(
    events=EVENT_LIST,
    complete_since=None,
    notifications=[Notification(event.id, event.order, NOTIFICATION_KINDS[event.type]) for event in EVENT_LIST],
    sales=[Sale(order.name, order.state.value, order.pieces, order.total) for order in ORDERS.values()],
    demands=[Demand(CUP, asked=10, sold=4, missed=2)],
    dead_letters={"inventory": 0},
)
CORRECT = Records(
    orders_before=ORDERS,
    orders_after=ORDERS,
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
    event_records=EVENT_RECORDS,
)


def mismatches(records: Records, initial_orders: Mapping[str, Order] = ORDERS) -> dict[str, list[str]]:
    """Return the names of the mismatches, by check."""
    results = run_checks(Snapshot.of(records, initial_orders))
    return {result.check: [each.name for each in result.mismatches] for result in results if result.mismatches}


def test_correct_records_have_no_mismatch() -> None:
    assert mismatches(CORRECT) == {}
    assert len(Snapshot.of(CORRECT, ORDERS).checked) == 5


def test_a_shop_without_orders_has_no_mismatch() -> None:
    stock = Stock(CUP, 10, 0, 0, 10)
    no_events = EventRecords([], None, [], [], [], {})
    assert mismatches(Records({}, {}, [], [], [], [stock], no_events), {}) == {}


def replace_list(field: str, values: list[Any]) -> Records:
    fields: dict[str, Any] = {field: values}
    return replace(CORRECT, **fields)


def change_first(field: str, **changes: object) -> Records:
    """Return the correct records with a change to the first one of a list."""
    first, *rest = getattr(CORRECT, field)
    return replace_list(field, [replace(first, **changes), *rest])


def remove_first(field: str) -> Records:
    return replace_list(field, getattr(CORRECT, field)[1:])


def add(field: str, record: object) -> Records:
    return replace_list(field, [*getattr(CORRECT, field), record])


def unfinished(state: State) -> Records:
    orders = {**ORDERS, SHORT.name: replace(SHORT, state=state)}
    return replace(CORRECT, orders_before=orders, orders_after=orders)


CONFIRMED_ORDER = f"{CONFIRMED.name} CONFIRMED"


@pytest.mark.parametrize(
    ("records", "check", "name"),
    [
        pytest.param(unfinished(State.PENDING), "orders", SHORT.name, id="a pending order"),
        pytest.param(unfinished(State.CANCELLING), "orders", SHORT.name, id="an order that is still being cancelled"),
        pytest.param(
            change_first("payments", state="REFUNDED"), "money", "EUR", id="refunded payment of a confirmed order"
        ),
        pytest.param(change_first("payments", amount=Money(999, "EUR")), "money", "EUR", id="one cent too little"),
        pytest.param(change_first("payments", amount=Money(1000, "USD")), "money", "USD", id="wrong currency"),
        pytest.param(change_first("payments", amount=Money(999, "EUR")), "payments", "payments/1", id="wrong amount"),
        pytest.param(change_first("payments", state="AUTHORIZED"), "payments", CONFIRMED_ORDER, id="not captured"),
        pytest.param(remove_first("payments"), "payments", CONFIRMED_ORDER, id="no payment"),
        pytest.param(
            add("payments", Payment("payments/9", "CAPTURED", PRICE, CONFIRMED.name)),
            "payments",
            CONFIRMED_ORDER,
            id="captured twice",
        ),
        pytest.param(
            add("payments", Payment("payments/9", "AUTHORIZED", PRICE, SHORT.name)),
            "payments",
            f"{SHORT.name} REJECTED",
            id="authorized payment of a rejected order",
        ),
        pytest.param(
            add("payments", Payment("payments/9", "AUTHORIZED", PRICE, "orders/none")),
            "payments",
            "payments/9",
            id="authorized payment without an order",
        ),
        pytest.param(
            add("payments", Payment("payments/9", "CAPTURED", PRICE, "orders/none")),
            "money",
            "EUR",
            id="captured payment without an order",
        ),
        pytest.param(change_first("stocks", available=5), "stock", CUP, id="a piece is missing"),
        pytest.param(change_first("stocks", available=-1, received=3), "stock", CUP, id="stock below zero"),
        pytest.param(change_first("stocks", available=7, sold=3), "sold", f"{CUP} sold", id="too few pieces sold"),
        pytest.param(change_first("stocks", available=5, sold=5), "sold", f"{CUP} sold", id="too many pieces sold"),
        pytest.param(
            change_first("stocks", available=5, reserved=1),
            "sold",
            f"{CUP} reserved",
            id="reserved piece without an order",
        ),
        pytest.param(replace(CORRECT, stocks=[]), "sold", CUP, id="sold product without a stock"),
        pytest.param(change_first("reservations", state="HELD"), "reservations", CONFIRMED_ORDER, id="not committed"),
        pytest.param(
            change_first("reservations", pieces={CUP: 1}), "reservations", "reservations/1", id="wrong pieces"
        ),
        pytest.param(remove_first("reservations"), "reservations", CONFIRMED_ORDER, id="no reservation"),
        pytest.param(
            change_first("reservations", reference=""),
            "reservations",
            "reservations/1",
            id="reservation without an order",
        ),
        pytest.param(
            change_first("shipments", state="CANCELLED"),
            "shipments",
            CONFIRMED_ORDER,
            id="cancelled shipment of a confirmed order",
        ),
        pytest.param(change_first("shipments", price=PRICE), "shipments", "shipments/1", id="wrong price"),
        pytest.param(remove_first("shipments"), "shipments", CONFIRMED_ORDER, id="no shipment"),
        pytest.param(
            add("shipments", Shipment("shipments/9", "BOOKED", FEE, "orders/none")),
            "shipments",
            "shipments/9",
            id="shipment without an order",
        ),
        pytest.param(
            add("shipments", Shipment("shipments/9", "BOOKED", FEE, COLLECTED.name)),
            "shipments",
            f"{COLLECTED.name} CONFIRMED",
            id="shipment of a collected order",
        ),
    ],
)
def test_a_wrong_record_is_found(records: Records, check: str, name: str) -> None:
    assert name in mismatches(records)[check]


def test_an_order_that_disappeared_is_a_mismatch() -> None:
    orders = {name: order for name, order in ORDERS.items() if order is not SHORT}
    assert mismatches(replace(CORRECT, orders_after=orders))["orders"] == [SHORT.name]


def change_events(field: str, *, remove: int | None = None, append: object = None, **changes: object) -> Records:
    """Return the correct records with changed event records: remove one, append one, or change the first one."""
    values = list(getattr(EVENT_RECORDS, field))
    if changes:
        values[0] = replace(values[0], **changes)
    if remove is not None:
        del values[remove]
    if append is not None:
        values.append(append)
    fields: dict[str, Any] = {field: values}
    return replace(CORRECT, event_records=replace(EVENT_RECORDS, **fields))


SECOND_CONFIRMATION = replace(EVENT_LIST[1], id="another id")


@pytest.mark.parametrize(
    ("records", "check", "name"),
    [
        pytest.param(change_events("events", remove=1), "events", CONFIRMED_ORDER, id="an event is missing"),
        pytest.param(
            change_events("events", append=SECOND_CONFIRMATION),
            "events",
            CONFIRMED_ORDER,
            id="two events for one change",
        ),
        pytest.param(
            change_events("events", type="OrderRejected"), "events", CONFIRMED_ORDER, id="an event of the wrong type"
        ),
        pytest.param(
            replace(CORRECT, event_records=replace(EVENT_RECORDS, events=EVENT_LIST[::-1])),
            "events",
            CONFIRMED_ORDER,
            id="events out of sequence",
        ),
        pytest.param(
            change_events("events", total=FEE),
            "events",
            f"{CONFIRMED.name} {EVENT_LIST[0].id}",
            id="an event with a wrong total",
        ),
        pytest.param(
            change_events("events", order="orders/none"), "events", "orders/none", id="an event without an order"
        ),
        pytest.param(
            change_events("notifications", remove=0), "notifications", CONFIRMED_ORDER, id="a notification is missing"
        ),
        pytest.param(
            change_events("notifications", append=Notification("x", CONFIRMED.name, "ORDER_PLACED")),
            "notifications",
            CONFIRMED_ORDER,
            id="a notification too many",
        ),
        pytest.param(
            change_events("notifications", append=Notification("x", "orders/none", "ORDER_PLACED")),
            "notifications",
            "orders/none",
            id="a notification without an order",
        ),
        pytest.param(
            change_events("notifications", event="x"),
            "notifications",
            CONFIRMED_ORDER,
            id="a notification of another event",
        ),
        pytest.param(
            change_events("sales", state="PLACED"),
            "analytics",
            f"sale of {CONFIRMED.name}",
            id="a sale in an old state",
        ),
        pytest.param(
            change_events("sales", total=FEE), "analytics", f"sale of {CONFIRMED.name}", id="a sale with a wrong total"
        ),
        pytest.param(
            change_events("sales", pieces={CUP: 1}),
            "analytics",
            f"sale of {CONFIRMED.name}",
            id="a sale with wrong pieces",
        ),
        pytest.param(
            change_events("sales", remove=0), "analytics", f"sale of {CONFIRMED.name}", id="a sale is missing"
        ),
        pytest.param(
            change_events("sales", append=EVENT_RECORDS.sales[0]),
            "analytics",
            f"sale of {CONFIRMED.name}",
            id="a sale is counted twice",
        ),
        pytest.param(
            change_events("sales", order="orders/none"),
            "analytics",
            "sale of orders/none",
            id="a sale without an order",
        ),
        pytest.param(
            change_events("demands", asked=12), "demand", f"demand for {CUP}", id="an order is counted twice as asked"
        ),
        pytest.param(
            change_events("demands", sold=2),
            "demand",
            f"demand for {CUP}",
            id="a confirmed order is not counted as sold",
        ),
        pytest.param(
            change_events("demands", missed=0),
            "demand",
            f"demand for {CUP}",
            id="a rejected order is not counted as missed",
        ),
        pytest.param(change_events("demands", remove=0), "demand", f"demand for {CUP}", id="no demand is recorded"),
        pytest.param(
            change_events("demands", append=Demand(MUG, 1, 0, 0)),
            "demand",
            f"demand for {MUG}",
            id="a demand without an order",
        ),
        pytest.param(
            replace(CORRECT, event_records=replace(EVENT_RECORDS, dead_letters={"inventory": 1})),
            "dead letters",
            "inventory",
            id="a dead letter",
        ),
    ],
)
def test_a_wrong_event_record_is_found(records: Records, check: str, name: str) -> None:
    assert name in mismatches(records)[check]


def test_a_duplicate_event_in_kafka_is_no_mismatch() -> None:
    assert mismatches(change_events("events", append=EVENT_LIST[0])) == {}


def test_expired_events_are_no_mismatch_but_a_missing_notification_is() -> None:
    expired = replace(EVENT_RECORDS, events=[], complete_since=NOW + timedelta(days=1))
    assert mismatches(replace(CORRECT, event_records=expired)) == {}
    incomplete = replace(expired, notifications=EVENT_RECORDS.notifications[1:])
    assert mismatches(replace(CORRECT, event_records=incomplete)) == {"notifications": [CONFIRMED_ORDER]}


LATE = create_order("late", State.PENDING)
IN_PROGRESS = replace(
    CORRECT,
    orders_after={**ORDERS, LATE.name: LATE},
    payments=[*CORRECT.payments, Payment("payments/9", "AUTHORIZED", PRICE, LATE.name)],
    reservations=[*CORRECT.reservations, Reservation("reservations/9", "HELD", {CUP: 2}, LATE.name)],
    stocks=[Stock(CUP, available=4, reserved=2, sold=4, received=10)],
)


def test_an_order_that_was_placed_during_the_reading_is_not_checked() -> None:
    assert mismatches(IN_PROGRESS) == {}
    assert mismatches(replace(IN_PROGRESS, stocks=[Stock(CUP, 4, 0, 6, 10)])) == {}, "its pieces may be sold already"


def test_an_order_in_progress_explains_only_its_own_pieces() -> None:
    assert "sold" in mismatches(replace(IN_PROGRESS, stocks=[Stock(CUP, 3, 0, 7, 10)]))
    assert "sold" in mismatches(replace(IN_PROGRESS, stocks=[Stock(CUP, 3, 3, 4, 10)]))
    assert "sold" in mismatches(replace(IN_PROGRESS, stocks=[Stock(CUP, 7, 0, 3, 10)]))


def test_an_order_that_changed_during_the_reading_is_not_checked() -> None:
    orders_before = {**ORDERS, CANCELLED.name: replace(CANCELLED, state=State.CONFIRMED)}
    records = replace(CORRECT, orders_before=orders_before, event_records=None)
    assert CANCELLED.name not in Snapshot.of(records, ORDERS).checked
    assert mismatches(records) == {}
