"""A request is held against the rules of its contract: every offending field is named, once, with what it must be."""

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rpc import InvalidFieldsError, to_cents
from services.runtime.rpc.money import CENT_NANOS
from services.runtime.rpc.validation import compile_rules, validate
from shop.analytics.v1 import analytics_pb2
from shop.orders.v1 import orders_pb2
from shop.payments.v1 import payments_pb2

ORDER = orders_pb2.PlaceOrderRequest(
    request_id="3f0c-A_.:",
    customer="customers/Ada_L.",
    items=[orders_pb2.PlaceOrderItem(product="products/p-0001", quantity=1000)],
    payment_token="tok_visa",  # noqa: S106  # the simulated card processor's
)


def offences(request: Message) -> dict[str, str]:
    """Answer what each offending field must be, in the order of the violations."""
    try:
        validate(request)
    except InvalidFieldsError as error:
        return {violation.field: violation.description for violation in error.violations}
    return {}


def ordered(**changed: object) -> orders_pb2.PlaceOrderRequest:
    """Make a request that keeps every rule, but for some fields."""
    fields = {field.name: value for field, value in ORDER.ListFields()}
    return orders_pb2.PlaceOrderRequest(**{**fields, **changed})


def item(product: str = "products/p-0001", quantity: int = 1) -> orders_pb2.PlaceOrderItem:
    return orders_pb2.PlaceOrderItem(product=product, quantity=quantity)


def test_a_request_that_keeps_every_rule_passes() -> None:
    assert offences(ORDER) == {}


def test_every_offending_field_is_named_with_what_it_must_be() -> None:
    token = "t\0"  # noqa: S105  # a text like any other
    assert offences(ordered(request_id="", customer="ada", items=[item(), item("p-1", 0)], payment_token=token)) == {
        "request_id": 'must be 1 to 64 letters, digits and characters of "-_.:"',
        "customer": 'must be of the form "customers/{id}"',
        "items[1].product": 'must be of the form "products/{id}"',
        "items[1].quantity": "must be 1 to 1000",
        "payment_token": "must have 1 to 128 characters, none of them NUL",
    }


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], "must have 1 to 50 entries"),
        ([item(f"products/p-{number}") for number in range(51)], "must have 1 to 50 entries"),
        ([item()] * 2, "must name no product twice"),
        ([item()] * 51, "must have 1 to 50 entries"),
    ],
)
def test_a_list_is_judged_as_a_whole(items: list[orders_pb2.PlaceOrderItem], said: str) -> None:
    assert offences(ordered(items=items)) == {"items": said}


def test_a_request_that_is_far_too_large_is_told_its_first_offence_alone() -> None:
    assert offences(ordered(items=[item("")] * 10_000)) == {"items": "must have 1 to 50 entries"}


def test_a_text_is_measured_in_characters_not_in_bytes() -> None:
    assert offences(ordered(payment_token="ü" * 128)) == {}
    assert list(offences(ordered(payment_token="ü" * 129))) == ["payment_token"]


@pytest.mark.parametrize(
    "name", ["products", "products/", "/p", "products/a/b", "products/A", "products/a\n", "products/ä", " products/a"]
)
def test_a_resource_name_is_matched_whole(name: str) -> None:
    assert list(offences(ordered(items=[item(name)]))) == ["items[0].product"]


def test_the_first_text_tells_how_many_fields_offend() -> None:
    with pytest.raises(InvalidFieldsError, match=r"^request_id must be 1 to 64 .* \(and 3 more\)$"):
        validate(orders_pb2.PlaceOrderRequest())


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1), st.sampled_from(["EUR", "XXX", ""]))
def test_an_amount_is_taken_exactly_if_it_is_whole_cents_above_zero_in_a_currency_that_is_taken(
    units: int, nanos: int, currency: str
) -> None:
    money = money_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    whole = 0 <= nanos < 100 * CENT_NANOS and nanos % CENT_NANOS == 0
    good = currency == "EUR" and whole and 0 <= units <= 1_000_000 and 0 < to_cents(money) <= 100_000_000
    request = payments_pb2.AuthorizePaymentRequest(request_id="id", amount=money, payment_token="tok")  # noqa: S106
    fields = list(offences(request))
    assert (fields == []) == good
    assert set(fields) <= {"amount.currency_code", "amount.nanos", "amount.units"}


def test_a_rule_over_a_message_names_the_field_that_offends() -> None:
    earlier, later = Timestamp(seconds=1), Timestamp(seconds=2)
    period = analytics_pb2.GetSalesSummaryRequest(start_time=later, end_time=earlier)
    assert offences(period) == {"end_time": "must be later than start_time"}


@given(*[st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)] * 2)
def test_no_time_is_too_wild_to_be_judged(start: int, start_nanos: int, end: int, end_nanos: int) -> None:
    request = analytics_pb2.GetSalesSummaryRequest(
        start_time=Timestamp(seconds=start, nanos=start_nanos), end_time=Timestamp(seconds=end, nanos=end_nanos)
    )
    assert set(offences(request)) <= {"start_time", "end_time"}


def test_the_rules_of_every_contract_compile() -> None:
    compile_rules(f"shop.{context}.v1.{context.capitalize()}Service" for context in ("analytics", "orders", "payments"))
