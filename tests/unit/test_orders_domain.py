"""What holds for orders wherever they are kept."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain import (
    MOST_CENTS,
    Destination,
    Item,
    MixedCurrenciesError,
    Order,
    OrderStateError,
    Product,
    Reason,
    Rejection,
    State,
    Step,
    TotalTooLargeError,
    Wish,
    priced,
    within_limit,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def product(product_id: str, price_cents: int, currency: str = "EUR") -> Product:
    return Product(product_id, f"Name of {product_id}", price_cents, currency)


def order(**changes: object) -> Order:
    items = (Item("p-1", "Kettle", 2, 4990),)
    fields = {"id": str(uuid4()), "customer": "ada", "items": items, "currency": "EUR", "payment_token": "tok"}
    return Order(**{**fields, "create_time": NOW, "update_time": NOW, **changes})  # type: ignore[arg-type]


def test_items_take_the_catalogs_names_and_prices() -> None:
    items, currency = priced([Wish("p-1", 2), Wish("p-2", 1)], [product("p-1", 1050), product("p-2", 1)])
    assert items == (Item("p-1", "Name of p-1", 2, 1050), Item("p-2", "Name of p-2", 1, 1))
    assert currency == "EUR"


def test_prices_in_two_currencies_have_no_sum() -> None:
    with pytest.raises(MixedCurrenciesError, match="EUR, USD"):
        priced([Wish("p-1", 1), Wish("p-2", 1)], [product("p-1", 1), product("p-2", 1, "USD")])


def test_a_total_may_reach_its_limit_and_no_cent_more() -> None:
    most = order(items=(Item("p-1", "", 1, MOST_CENTS - 490),), shipping_cents=490)
    assert within_limit(most) is most
    with pytest.raises(TotalTooLargeError):
        within_limit(replace(most, shipping_cents=491))


def test_a_total_beyond_64_bits_is_too_large_and_does_not_wrap() -> None:
    with pytest.raises(TotalTooLargeError):
        within_limit(order(items=(Item("p-1", "", 1000, 2**63 - 1),)))


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 10**6)), min_size=1, max_size=50), st.integers(0, 10**6))
def test_the_total_is_the_exact_sum_and_shipping(lines: list[tuple[int, int]], shipping: int) -> None:
    items = tuple(Item(f"p-{n}", "", quantity, cents) for n, (quantity, cents) in enumerate(lines))
    placed = order(items=items, shipping_cents=shipping)
    assert placed.total_cents == sum(quantity * cents for quantity, cents in lines) + shipping
    assert placed.pieces == sum(quantity for quantity, _ in lines)


def test_a_steps_request_id_is_the_orders_and_the_steps_own() -> None:
    one, other = order(), order()
    assert one.request_id("reserve") == one.captured().request_id("reserve")
    assert len({one.request_id("reserve"), one.request_id("void"), other.request_id("reserve")}) == 3


def test_a_refused_step_is_taken_off_the_log() -> None:
    refused = order().reserved("reservations/1").refused(Rejection(Reason.PAYMENT_DECLINED, "no"))
    assert refused.step is Step.RESERVE
    assert refused.state is State.PENDING


def test_the_first_reason_to_give_up_stays() -> None:
    first, second = Rejection(Reason.PAYMENT_DECLINED, "no"), Rejection(Reason.DEPENDENCY_FAILED, "gone")
    assert order().given_up(first).given_up(second).rejected(NOW).rejection == first


def test_only_a_confirmed_order_is_cancelled_and_that_once() -> None:
    later = datetime(2026, 1, 2, tzinfo=UTC)
    cancelling = order().confirmed(NOW).cancelling(later)
    assert (cancelling.state, cancelling.update_time) == (State.CANCELLING, later)
    assert cancelling.cancelling(NOW) is cancelling
    cancelled = cancelling.cancelled(later)
    assert (cancelled.state, cancelled.rejection) == (State.CANCELLED, None)
    assert cancelled.cancelling(NOW) is cancelled
    for other in (order(), order().rejected(NOW)):
        with pytest.raises(OrderStateError) as caught:
            other.cancelling(later)
        assert caught.value.metadata == {"state": other.state.value}


@pytest.mark.parametrize("end", ["confirmed", "rejected"])
def test_an_ended_order_forgets_the_payment_token_and_the_address(end: str) -> None:
    later = datetime(2026, 1, 2, tzinfo=UTC)
    berlin = Destination("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")
    ended: Order = getattr(order(destination=berlin), end)(later)
    assert (ended.payment_token, ended.destination) == ("", None)
    assert (ended.create_time, ended.update_time) == (NOW, later)
