"""Requests are validated against the rules in their contract. Each invalid field is named once, with its rule."""

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


def violations(request: Message) -> dict[str, str]:
    """Return the rule that each invalid field breaks, in the order of the violations."""
    try:
        validate(request)
    except InvalidFieldsError as error:
        return {violation.field: violation.description for violation in error.violations}
    return {}


def order(**changes: object) -> orders_pb2.PlaceOrderRequest:
    """Return a valid request with some other fields."""
    fields = {field.name: value for field, value in ORDER.ListFields()}
    return orders_pb2.PlaceOrderRequest(**{**fields, **changes})


def item(product: str = "products/p-0001", quantity: int = 1) -> orders_pb2.PlaceOrderItem:
    return orders_pb2.PlaceOrderItem(product=product, quantity=quantity)


def test_a_valid_request_passes() -> None:
    assert violations(ORDER) == {}


def test_each_invalid_field_is_named_with_its_rule() -> None:
    token = "t\0"  # noqa: S105  # no real token
    assert violations(order(request_id="", customer="ada", items=[item(), item("p-1", 0)], payment_token=token)) == {
        "request_id": "does not match regex pattern `^[A-Za-z0-9_.:-]{1,64}$`",
        "customer": "does not match regex pattern `^customers/[A-Za-z0-9_.-]{1,64}$`",
        "items[1].product": "does not match regex pattern `^products/[a-z0-9-]{1,64}$`",
        "items[1].quantity": "must be greater than or equal to 1 and less than or equal to 1000",
        "payment_token": "does not match regex pattern `^[^\\x00]*$`",
    }


@pytest.mark.parametrize(
    ("items", "rule"),
    [
        ([], "must contain at least 1 item(s)"),
        ([item(f"products/p-{number}") for number in range(51)], "must contain no more than 50 item(s)"),
        ([item()] * 2, "must name no product twice"),
        ([item()] * 51, "must contain no more than 50 item(s)"),
    ],
)
def test_a_list_has_rules_as_a_whole(items: list[orders_pb2.PlaceOrderItem], rule: str) -> None:
    assert violations(order(items=items)) == {"items": rule}


def test_only_the_first_violation_of_a_far_too_long_list_is_named() -> None:
    assert violations(order(items=[item("")] * 10_000)) == {"items": "must contain no more than 50 item(s)"}


def test_the_length_of_a_string_is_in_characters_not_bytes() -> None:
    assert violations(order(payment_token="ü" * 128)) == {}
    assert list(violations(order(payment_token="ü" * 129))) == ["payment_token"]


@pytest.mark.parametrize(
    "name", ["products", "products/", "/p", "products/a/b", "products/A", "products/a\n", "products/ä", " products/a"]
)
def test_a_resource_name_must_match_completely(name: str) -> None:
    assert list(violations(order(items=[item(name)]))) == ["items[0].product"]


def test_the_message_says_how_many_other_fields_are_invalid() -> None:
    with pytest.raises(InvalidFieldsError, match=r"^request_id does not match regex pattern `.*` \(and 3 more\)$"):
        validate(orders_pb2.PlaceOrderRequest())


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1), st.sampled_from(["EUR", "XXX", ""]))
def test_an_amount_is_valid_if_it_is_whole_cents_above_zero_in_a_known_currency(
    units: int, nanos: int, currency: str
) -> None:
    money = money_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    whole = 0 <= nanos < 100 * CENT_NANOS and nanos % CENT_NANOS == 0
    good = currency == "EUR" and whole and 0 <= units <= 1_000_000 and 0 < to_cents(money) <= 100_000_000
    request = payments_pb2.AuthorizePaymentRequest(request_id="id", amount=money, payment_token="tok")  # noqa: S106
    fields = list(violations(request))
    assert (fields == []) == good
    assert set(fields) <= {"amount.currency_code", "amount.nanos", "amount.units"}


def test_a_rule_of_a_message_names_the_invalid_field() -> None:
    earlier, later = Timestamp(seconds=1), Timestamp(seconds=2)
    period = analytics_pb2.GetSalesSummaryRequest(start_time=later, end_time=earlier)
    assert violations(period) == {"end_time": "must be later than start_time"}


@given(*[st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)] * 2)
def test_any_time_can_be_validated(start: int, start_nanos: int, end: int, end_nanos: int) -> None:
    request = analytics_pb2.GetSalesSummaryRequest(
        start_time=Timestamp(seconds=start, nanos=start_nanos), end_time=Timestamp(seconds=end, nanos=end_nanos)
    )
    assert set(violations(request)) <= {"start_time", "end_time"}


def test_the_rules_of_every_contract_compile() -> None:
    compile_rules(f"shop.{context}.v1.{context.capitalize()}Service" for context in ("analytics", "orders", "payments"))
