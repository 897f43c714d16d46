"""No sequence of changes creates a piece, loses one, or sells one twice."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain import (
    InsufficientStockError,
    Reservation,
    ReservationLine,
    ReservationStateError,
    State,
    Stock,
    reserve,
)

NOW, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
PRODUCTS = ["cup", "pot"]
ALLOWED = {(State.HELD, State.COMMITTED), (State.HELD, State.RELEASED), (State.COMMITTED, State.RETURNED)}
order_lines = st.lists(
    st.builds(ReservationLine, st.sampled_from(PRODUCTS), st.integers(1, 6)),
    min_size=1,
    unique_by=lambda line: line.product,
)


def reservation(state: State = State.HELD) -> Reservation:
    return Reservation("r", state, (ReservationLine("cup", 1),), "", NOW, NOW)


def commit_and_return(stock: Stock, quantity: int) -> Stock:
    return stock.commit(quantity).return_sold(quantity)


@given(
    st.lists(
        st.tuples(order_lines, st.sampled_from([Stock.commit, Stock.release, commit_and_return, None])), max_size=20
    )
)
def test_pieces_are_conserved(orders: list[tuple[list[ReservationLine], object]]) -> None:
    stocks = {name: Stock(name, 10) for name in PRODUCTS}
    for lines, change in orders:
        lacking = {line.product for line in lines if stocks[line.product].available < line.quantity}
        if lacking:
            with pytest.raises(InsufficientStockError) as caught:
                reserve(stocks, lines)
            assert {shortage.product for shortage in caught.value.shortages} == lacking
            continue
        reserved = reserve(stocks, lines)
        for stock, line in zip(reserved, lines, strict=True):
            stocks[stock.product] = stock
            if callable(change):
                stocks[stock.product] = change(stock, line.quantity)
        for stock in stocks.values():
            assert stock.available + stock.reserved + stock.sold == 10
            assert min(stock.available, stock.reserved, stock.sold) >= 0


def test_the_error_names_each_product_that_lacks_stock_and_its_available_pieces() -> None:
    with pytest.raises(InsufficientStockError) as caught:
        reserve({"cup": Stock("cup", 2)}, [ReservationLine("cup", 3), ReservationLine("pot", 1)])
    assert [(short.product, short.requested, short.available) for short in caught.value.shortages] == [
        ("cup", 3, 2),
        ("pot", 1, 0),
    ]


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_three_state_changes_are_allowed(before: State, after: State) -> None:
    if before is after:
        assert reservation(before).move_to(after, LATER).update_time == NOW
    elif (before, after) in ALLOWED:
        moved = reservation(before).move_to(after, LATER)
        assert (moved.state, moved.create_time, moved.update_time) == (after, NOW, LATER)
    else:
        with pytest.raises(ReservationStateError) as caught:
            reservation(before).move_to(after, LATER)
        assert caught.value.metadata == {"state": before.value}
