"""A request's offending fields are gathered, all of them, before it is refused; and money stays exact."""

import pytest
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import Check
from services.runtime.money import CENT, from_cents, to_cents
from services.runtime.validation import InvalidFieldsError


def fields(error: InvalidFieldsError) -> list[str]:
    return [violation.field for violation in error.violations]


def offend() -> None:
    with Check() as check:
        check.request_id("")
        check.integer("quantity", 0, least=1, most=9)
        check.text("note", "x" * 11, longest=10)
        check.resource("name", "orders/1", "products")


def test_every_violation_is_gathered() -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        offend()
    assert fields(caught.value) == ["request_id", "quantity", "note", "name"]
    assert "(and 3 more)" in str(caught.value)


def test_a_request_without_offence_passes_and_its_values_are_usable() -> None:
    with Check() as check:
        assert check.request_id("3f0c-A_.:") == "3f0c-A_.:"
        assert check.integer("quantity", 9, least=1, most=9) == 9
        assert check.resource("name", "products/p-0001", "products") == "p-0001"


def test_an_error_inside_the_block_is_not_hidden_by_violations() -> None:
    def fail() -> None:
        with Check() as check:
            check.request_id("")
            raise KeyError

    with pytest.raises(KeyError):
        fail()


@pytest.mark.parametrize(
    "name", ["products", "products/", "/p", "products/a/b", "products/A", "products/a\n", "products/ä", " products/a"]
)
def test_a_resource_name_is_matched_whole(name: str) -> None:
    with pytest.raises(InvalidFieldsError), Check() as check:
        check.resource("name", name, "products")


@given(st.integers(min_value=-(10**15), max_value=10**15), st.sampled_from(["EUR", "GBP", "USD"]))
def test_cents_survive_the_way_through_a_message(cents: int, currency: str) -> None:
    money = from_cents(cents, currency)
    assert to_cents(money) == cents
    assert money.units * money.nanos >= 0


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1), st.sampled_from(["EUR", "XXX", ""]))
def test_an_amount_is_taken_exactly_if_it_is_whole_cents_above_zero_in_a_currency_that_is_taken(
    units: int, nanos: int, currency: str
) -> None:
    money = money_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    whole = 0 <= nanos < 100 * CENT and nanos % CENT == 0
    good = currency == "EUR" and whole and 0 <= units <= 1000 and 0 < to_cents(money) <= 100_000
    try:
        with Check() as check:
            cents = check.amount("amount", money, most_units=1000)
    except InvalidFieldsError:
        assert not good
    else:
        assert good
        assert from_cents(cents, currency) == money
