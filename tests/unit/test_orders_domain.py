"""The rules of orders, without storage and callees."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain import (
    MAX_TOTAL_CENTS,
    Destination,
    Order,
    OrderItem,
    OrderLine,
    Product,
    State,
    check_total,
    price_lines,
)
from services.orders.errors import MixedCurrenciesError, OrderStateError, TotalTooLargeError
from services.orders.progress import Rejection, RejectionReason, SagaProgress, Step

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def product(product_id: str, price_cents: int, currency: str = "EUR") -> Product:
    return Product(product_id, f"Name of {product_id}", price_cents, currency)


def order(**changes: object) -> Order:
    items = (OrderItem("p-1", "Kettle", 2, 4990),)
    fields = {"id": str(uuid4()), "customer": "ada", "items": items, "currency": "EUR", "payment_token": "tok"}
    return Order(**{**fields, "create_time": NOW, "update_time": NOW, **changes})  # type: ignore[arg-type]


def test_items_have_the_names_and_prices_of_the_catalog() -> None:
    items, currency = price_lines([OrderLine("p-1", 2), OrderLine("p-2", 1)], [product("p-1", 1050), product("p-2", 1)])
    assert items == (OrderItem("p-1", "Name of p-1", 2, 1050), OrderItem("p-2", "Name of p-2", 1, 1))
    assert currency == "EUR"


def test_prices_in_two_currencies_have_no_total() -> None:
    with pytest.raises(MixedCurrenciesError, match="EUR, USD"):
        price_lines([OrderLine("p-1", 1), OrderLine("p-2", 1)], [product("p-1", 1), product("p-2", 1, "USD")])


def test_a_total_may_equal_the_limit_but_not_exceed_it_by_a_cent() -> None:
    largest = order(items=(OrderItem("p-1", "", 1, MAX_TOTAL_CENTS - 490),), shipping_cents=490)
    check_total(largest)
    with pytest.raises(TotalTooLargeError, match="at most 1000000 units"):
        check_total(replace(largest, shipping_cents=491))


def test_a_total_above_64_bits_is_too_large_and_does_not_overflow() -> None:
    with pytest.raises(TotalTooLargeError):
        check_total(order(items=(OrderItem("p-1", "", 1000, 2**63 - 1),)))


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 10**6)), min_size=1, max_size=50), st.integers(0, 10**6))
def test_the_total_is_the_exact_sum_plus_shipping(lines: list[tuple[int, int]], shipping: int) -> None:
    items = tuple(OrderItem(f"p-{n}", "", quantity, cents) for n, (quantity, cents) in enumerate(lines))
    placed = order(items=items, shipping_cents=shipping)
    assert placed.total_cents == sum(quantity * cents for quantity, cents in lines) + shipping
    assert placed.pieces == sum(quantity for quantity, _ in lines)


def test_the_request_id_of_a_step_depends_on_the_order_and_the_step_alone() -> None:
    one, other = order(), order()
    assert one.request_id("reserve") == one.with_progress(one.progress.committing()).request_id("reserve")
    assert len({one.request_id("reserve"), one.request_id("void"), other.request_id("reserve")}) == 3


def test_after_a_refused_step_the_progress_is_at_the_step_before() -> None:
    refused = SagaProgress().reserved("reservations/1").refused(Rejection(RejectionReason.PAYMENT_DECLINED, "no"))
    assert refused.step is Step.RESERVE
    assert order(progress=refused).state is State.PENDING


def test_the_first_rejection_stays() -> None:
    first = Rejection(RejectionReason.PAYMENT_DECLINED, "no")
    second = Rejection(RejectionReason.DEPENDENCY_FAILED, "gone")
    progress = SagaProgress().compensating(first).compensating(second)
    assert order(progress=progress).rejected(NOW).rejection == first


def test_only_a_confirmed_order_is_cancelled_and_only_once() -> None:
    later = datetime(2026, 1, 2, tzinfo=UTC)
    cancelling = order().confirmed(NOW).cancelling(later)
    assert (cancelling.state, cancelling.update_time) == (State.CANCELLING, later)
    assert cancelling.cancelling(NOW) is cancelling
    cancelled = cancelling.cancelled(later)
    assert (cancelled.state, cancelled.progress.rejection) == (State.CANCELLED, None)
    assert cancelled.cancelling(NOW) is cancelled
    for other in (order(), order().rejected(NOW)):
        with pytest.raises(OrderStateError) as caught:
            other.cancelling(later)
        assert caught.value.metadata == {"state": other.state.value}


@pytest.mark.parametrize("end", ["confirmed", "rejected"])
def test_an_ended_order_has_no_payment_token_and_no_address(end: str) -> None:
    later = datetime(2026, 1, 2, tzinfo=UTC)
    berlin = Destination("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")
    ended: Order = getattr(order(destination=berlin), end)(later)
    assert (ended.payment_token, ended.destination) == ("", None)
    assert (ended.create_time, ended.update_time) == (NOW, later)
