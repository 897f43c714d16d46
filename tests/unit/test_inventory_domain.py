"""Whatever happens in whatever order, no piece is made, lost, or sold twice."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain import (
    InsufficientStockError,
    Line,
    Reservation,
    ReservationStateError,
    State,
    Stock,
    hold,
)

NOW, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
PRODUCTS = ["cup", "pot"]
lines = st.lists(
    st.builds(Line, st.sampled_from(PRODUCTS), st.integers(1, 6)), min_size=1, unique_by=lambda line: line.product
)


def reservation(state: State = State.HELD) -> Reservation:
    return Reservation("r", state, (Line("cup", 1),), NOW, NOW)


@given(st.lists(st.tuples(lines, st.sampled_from([Stock.sell, Stock.give_back, None])), max_size=20))
def test_pieces_are_conserved(orders: list[tuple[list[Line], object]]) -> None:
    stocks = {product: Stock(product, 10) for product in PRODUCTS}
    for wanted, move in orders:
        lacking = {line.product for line in wanted if stocks[line.product].available < line.quantity}
        if lacking:
            with pytest.raises(InsufficientStockError) as caught:
                hold(stocks, wanted)
            assert {shortage.product for shortage in caught.value.shortages} == lacking
            continue
        held = hold(stocks, wanted)
        for stock, line in zip(held, wanted, strict=True):
            stocks[stock.product] = stock
            if callable(move):
                stocks[stock.product] = move(stock, line.quantity)
        for stock in stocks.values():
            assert stock.available + stock.reserved + stock.sold == 10
            assert min(stock.available, stock.reserved, stock.sold) >= 0


def test_every_line_that_lacks_stock_is_named_with_what_there_is() -> None:
    with pytest.raises(InsufficientStockError) as caught:
        hold({"cup": Stock("cup", 2)}, [Line("cup", 3), Line("pot", 1)])
    assert [(short.product, short.wanted, short.available) for short in caught.value.shortages] == [
        ("cup", 3, 2),
        ("pot", 1, 0),
    ]


@pytest.mark.parametrize("state", [State.COMMITTED, State.RELEASED])
def test_a_held_reservation_is_settled_once(state: State) -> None:
    settled = reservation().settle(state, LATER)
    assert (settled.state, settled.create_time, settled.update_time) == (state, NOW, LATER)
    assert settled.settle(state, datetime.max.replace(tzinfo=UTC)) is settled


@pytest.mark.parametrize(("state", "other"), [(State.COMMITTED, State.RELEASED), (State.RELEASED, State.COMMITTED)])
def test_a_settled_reservation_is_not_settled_otherwise(state: State, other: State) -> None:
    with pytest.raises(ReservationStateError) as caught:
        reservation(state).settle(other, LATER)
    assert caught.value.metadata == {"state": state.value}
