"""Money is whole cents within, units and nanos without, and nothing is lost between them."""

import pytest
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rpc import from_cents, to_cents

MOST_UNITS = 2**63 - 1


@pytest.mark.parametrize(
    ("cents", "units", "nanos"),
    [
        (0, 0, 0),
        (1, 0, 10_000_000),
        (99, 0, 990_000_000),
        (100, 1, 0),
        (1234, 12, 340_000_000),
        (-1, 0, -10_000_000),
        (-100, -1, 0),
        (-175, -1, -750_000_000),
        (MOST_UNITS * 100 + 99, MOST_UNITS, 990_000_000),
    ],
)
def test_cents_are_units_and_nanos_of_one_sign(cents: int, units: int, nanos: int) -> None:
    money = money_pb2.Money(currency_code="EUR", units=units, nanos=nanos)
    assert from_cents(cents, "EUR") == money
    assert to_cents(money) == cents


@given(st.integers(-(MOST_UNITS * 100), MOST_UNITS * 100))
def test_no_cent_is_lost_on_the_way_there_and_back(cents: int) -> None:
    assert to_cents(from_cents(cents, "EUR")) == cents


@pytest.mark.parametrize("cents", [(MOST_UNITS + 1) * 100, -(MOST_UNITS + 2) * 100])
def test_an_amount_beyond_the_message_is_refused_and_does_not_wrap(cents: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        from_cents(cents, "EUR")
