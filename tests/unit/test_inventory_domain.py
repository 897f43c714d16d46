"""Whatever happens in whatever order, no piece is made, lost, or sold twice."""

from datetime import UTC, datetime
from itertools import product

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
MOVES = {(State.HELD, State.COMMITTED), (State.HELD, State.RELEASED), (State.COMMITTED, State.RETURNED)}
lines = st.lists(
    st.builds(Line, st.sampled_from(PRODUCTS), st.integers(1, 6)), min_size=1, unique_by=lambda line: line.product
)


def reservation(state: State = State.HELD) -> Reservation:
    return Reservation("r", state, (Line("cup", 1),), "", NOW, NOW)


def sell_and_take_back(stock: Stock, quantity: int) -> Stock:
    return stock.sell(quantity).take_back(quantity)


@given(
    st.lists(st.tuples(lines, st.sampled_from([Stock.sell, Stock.give_back, sell_and_take_back, None])), max_size=20)
)
def test_pieces_are_conserved(orders: list[tuple[list[Line], object]]) -> None:
    stocks = {name: Stock(name, 10) for name in PRODUCTS}
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


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_three_moves_exist(before: State, after: State) -> None:
    if before is after:
        assert reservation(before).settle(after, LATER).update_time == NOW
    elif (before, after) in MOVES:
        settled = reservation(before).settle(after, LATER)
        assert (settled.state, settled.create_time, settled.update_time) == (after, NOW, LATER)
    else:
        with pytest.raises(ReservationStateError) as caught:
            reservation(before).settle(after, LATER)
        assert caught.value.metadata == {"state": before.value}
