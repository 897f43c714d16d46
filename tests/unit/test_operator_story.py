"""The verdict about one order: when its books balance, when they may have a delay, and when they do not balance."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.operator.checks import Snapshot
from services.operator.domain import State
from services.operator.story import Verdict, judge, run_checks
from tests.unit.test_operator_checks import CONFIRMED, CORRECT, NOW

SOON, LATE = NOW + timedelta(seconds=5), NOW + timedelta(seconds=61)
ORDERS = {CONFIRMED.name: CONFIRMED}
assert CORRECT.event_records is not None
BOOKS = replace(
    CORRECT,
    orders_before=ORDERS,
    orders_after=ORDERS,
    payments=[each for each in CORRECT.payments if each.reference == CONFIRMED.name],
    reservations=[each for each in CORRECT.reservations if each.reference == CONFIRMED.name],
    shipments=[each for each in CORRECT.shipments if each.reference == CONFIRMED.name],
    stocks=[],
    event_records=replace(
        CORRECT.event_records,
        events=[each for each in CORRECT.event_records.events if each.order == CONFIRMED.name],
        notifications=[each for each in CORRECT.event_records.notifications if each.order == CONFIRMED.name],
        sales=[each for each in CORRECT.event_records.sales if each.order == CONFIRMED.name],
        demands=[],
    ),
)
PENDING = {CONFIRMED.name: replace(CONFIRMED, state=State.PENDING)}


@pytest.mark.parametrize(
    ("changes", "now", "verdict"),
    [
        pytest.param({}, SOON, Verdict.BALANCED, id="balanced at once"),
        pytest.param({"event_records": None}, LATE, Verdict.BALANCED, id="without Kafka"),
        pytest.param({"payments": []}, SOON, Verdict.UNSETTLED, id="a record is missing, for now"),
        pytest.param({"payments": []}, LATE, Verdict.UNBALANCED, id="a record is missing"),
        pytest.param({"orders_before": PENDING}, LATE, Verdict.UNSETTLED, id="it changed during the reading"),
        pytest.param(
            {"orders_before": PENDING, "orders_after": PENDING}, SOON, Verdict.UNSETTLED, id="still in progress"
        ),
        pytest.param(
            {"orders_before": PENDING, "orders_after": PENDING}, LATE, Verdict.UNBALANCED, id="in progress for too long"
        ),
    ],
)
def test_the_verdict(changes: dict[str, object], now: object, verdict: Verdict) -> None:
    snapshot = Snapshot.of(replace(BOOKS, **changes), {CONFIRMED.name})  # type: ignore[arg-type]
    assert judge(snapshot, run_checks(snapshot), now) is verdict  # type: ignore[arg-type]


def test_what_could_not_be_read_is_not_checked_and_the_order_is_not_settled() -> None:
    snapshot = Snapshot.of(replace(BOOKS, payments=[]), {CONFIRMED.name})
    results = run_checks(snapshot, {"payments"})
    assert not {"payments", "money"} & {result.check for result in results}
    assert judge(snapshot, results, LATE, {"payments"}) is Verdict.UNSETTLED
