"""Cents are converted to google.type.Money and back without loss."""

import pytest
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rpc import from_cents, to_cents

MAX_UNITS = 2**63 - 1


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
        (MAX_UNITS * 100 + 99, MAX_UNITS, 990_000_000),
    ],
)
def test_units_and_nanos_have_the_same_sign(cents: int, units: int, nanos: int) -> None:
    money = money_pb2.Money(currency_code="EUR", units=units, nanos=nanos)
    assert from_cents(cents, "EUR") == money
    assert to_cents(money) == cents


@given(st.integers(-(MAX_UNITS * 100), MAX_UNITS * 100))
def test_no_cent_is_lost_in_a_round_trip(cents: int) -> None:
    assert to_cents(from_cents(cents, "EUR")) == cents


@pytest.mark.parametrize("cents", [(MAX_UNITS + 1) * 100, -(MAX_UNITS + 2) * 100])
def test_an_amount_out_of_range_is_an_error_and_does_not_wrap(cents: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        from_cents(cents, "EUR")
