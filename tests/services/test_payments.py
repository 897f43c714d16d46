"""payments through its generated client: each step takes effect once, and invalid requests change nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import grpc
import pytest
from google.type import money_pb2

from shop.payments.v1 import payments_pb2 as pb
from shop.payments.v1 import payments_pb2_grpc
from tests.support.errors import refused
from tests.support.processes import Process

Stub = payments_pb2_grpc.PaymentsServiceStub
AsyncStub: TypeAlias = "payments_pb2_grpc.PaymentsServiceAsyncStub"
AUTHORIZED, CAPTURED, VOIDED, REFUNDED = (
    pb.Payment.STATE_AUTHORIZED,
    pb.Payment.STATE_CAPTURED,
    pb.Payment.STATE_VOIDED,
    pb.Payment.STATE_REFUNDED,
)
PRICE = money_pb2.Money(currency_code="EUR", units=12, nanos=340_000_000)


@pytest.fixture
async def payments(shared: Callable[[str], Process]) -> AsyncIterator[AsyncStub]:
    async with shared("payments").channel() as channel:
        yield Stub(channel)


def new_id() -> str:
    return str(uuid.uuid4())


def authorization(
    request_id: str | None = None,
    *,
    amount: money_pb2.Money = PRICE,
    token: str = "tok_visa",  # noqa: S107  # a token of the simulated processor
    reference: str = "orders/1",
) -> pb.AuthorizePaymentRequest:
    return pb.AuthorizePaymentRequest(
        request_id=new_id() if request_id is None else request_id,
        amount=amount,
        payment_token=token,
        reference=reference,
    )


async def authorized(payments: AsyncStub) -> str:
    """Authorize a payment and return its name."""
    return (await payments.AuthorizePayment(authorization())).payment.name


async def capture(payments: AsyncStub, name: str, request_id: str = "") -> pb.Payment:
    return (
        await payments.CapturePayment(pb.CapturePaymentRequest(request_id=request_id or new_id(), name=name))
    ).payment


async def void(payments: AsyncStub, name: str, request_id: str = "") -> pb.Payment:
    return (await payments.VoidPayment(pb.VoidPaymentRequest(request_id=request_id or new_id(), name=name))).payment


async def refund(payments: AsyncStub, name: str, request_id: str = "") -> pb.Payment:
    return (await payments.RefundPayment(pb.RefundPaymentRequest(request_id=request_id or new_id(), name=name))).payment


async def get(payments: AsyncStub, name: str) -> pb.Payment:
    return (await payments.GetPayment(pb.GetPaymentRequest(name=name))).payment


Step = Callable[[Stub, str], Awaitable[pb.Payment]]


async def test_an_authorized_payment_has_the_amount_and_the_reference(payments: AsyncStub) -> None:
    payment = (await payments.AuthorizePayment(authorization(reference="orders/42"))).payment
    assert (payment.state, payment.amount, payment.reference) == (AUTHORIZED, PRICE, "orders/42")
    assert await get(payments, payment.name) == payment


@pytest.mark.parametrize(
    ("steps", "state"),
    [((capture,), CAPTURED), ((void,), VOIDED), ((capture, refund), REFUNDED)],
    ids=["captured", "voided", "refunded"],
)
async def test_a_step_covers_the_whole_amount_and_repeating_it_changes_nothing(
    payments: AsyncStub, steps: tuple[Step, ...], state: pb.Payment.State.ValueType
) -> None:
    name = await authorized(payments)
    for step in steps:
        after = await step(payments, name)
    assert (after.state, after.amount) == (state, PRICE)
    assert await steps[-1](payments, name) == after
    assert await get(payments, name) == after


@pytest.mark.parametrize(
    ("before", "step", "state"),
    [
        ((), refund, "AUTHORIZED"),
        ((capture,), void, "CAPTURED"),
        ((void,), capture, "VOIDED"),
        ((void,), refund, "VOIDED"),
        ((capture, refund), capture, "REFUNDED"),
        ((capture, refund), void, "REFUNDED"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_step_that_the_state_does_not_allow_fails_and_changes_nothing(
    payments: AsyncStub, before: tuple[Step, ...], step: Step, state: str
) -> None:
    name = await authorized(payments)
    for earlier in before:
        await earlier(payments, name)
    unchanged = await get(payments, name)
    error = await refused(step(payments, name))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_WRONG_STATE")
    assert error.metadata == {"state": state}
    assert await get(payments, name) == unchanged


async def test_of_a_concurrent_capture_and_void_one_succeeds(payments: AsyncStub) -> None:
    for _ in range(5):
        name = await authorized(payments)
        replies = await asyncio.gather(capture(payments, name), void(payments, name), return_exceptions=True)
        (succeeded,) = [reply for reply in replies if isinstance(reply, pb.Payment)]
        assert (await get(payments, name)).state == succeeded.state


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_declined", "CARD_DECLINED"),
        ("tok_expired", "CARD_EXPIRED"),
        ("tok_insufficient_funds", "INSUFFICIENT_FUNDS"),
        ("tok_stolen_from_a_film", "UNKNOWN_TOKEN"),
    ],
)
async def test_a_declined_payment_is_an_error_with_the_reason_and_can_be_retried(
    payments: AsyncStub, token: str, code: str
) -> None:
    request_id = new_id()
    error = await refused(payments.AuthorizePayment(authorization(request_id, token=token)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_DECLINED")
    assert (error.domain, error.metadata) == ("payments.shop.example", {"decline_code": code})
    # The failed request was not stored under its request_id.
    assert (await payments.AuthorizePayment(authorization(request_id))).payment.state == AUTHORIZED


async def test_a_card_with_a_limit_pays_small_amounts_only(payments: AsyncStub) -> None:
    small, large = (
        money_pb2.Money(currency_code="USD", units=100),
        money_pb2.Money(currency_code="USD", units=100, nanos=10_000_000),
    )
    limited = authorization(token="tok_limited", amount=small)  # noqa: S106  # a token of the simulated processor
    assert (await payments.AuthorizePayment(limited)).payment.amount == small
    limited = authorization(token="tok_limited", amount=large)  # noqa: S106  # a token of the simulated processor
    assert (await refused(payments.AuthorizePayment(limited))).metadata == {"decline_code": "INSUFFICIENT_FUNDS"}


async def test_sending_the_same_request_many_times_creates_one_payment(payments: AsyncStub) -> None:
    request = authorization()
    replies = await asyncio.gather(*(payments.AuthorizePayment(request) for _ in range(10)))
    assert len({reply.payment.name for reply in replies}) == 1


async def test_a_request_id_cannot_be_used_for_another_request(payments: AsyncStub) -> None:
    request_id = new_id()
    name = (await payments.AuthorizePayment(authorization(request_id))).payment.name
    other = money_pb2.Money(currency_code="EUR", units=99)
    for call in (
        payments.AuthorizePayment(authorization(request_id, amount=other)),
        payments.AuthorizePayment(authorization(request_id, reference="orders/2")),
        capture(payments, name, request_id),
        void(payments, name, request_id),
        refund(payments, name, request_id),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
        assert error.fields == ["request_id"]
    assert (await get(payments, name)).state == AUTHORIZED


def money(units: int = 0, nanos: int = 0, currency: str = "EUR") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


@pytest.mark.parametrize(
    ("amount", "fields"),
    [
        (money(), ["amount.units"]),
        (money(-5), ["amount.units"]),
        (money(1_000_000, 10_000_000), ["amount.units"]),
        (money(2**63 - 1), ["amount.units"]),
        (money(1, -10_000_000), ["amount.nanos"]),
        (money(1, 1), ["amount.nanos"]),
        (money(0, 2**31 - 1), ["amount.nanos"]),
        (money(1, 1_000_000_000), ["amount.nanos"]),
        (money(1, currency="JPY"), ["amount.currency_code"]),
        (money(1, currency="eur"), ["amount.currency_code"]),
        (money(1, currency=""), ["amount.currency_code"]),
        (money(-1, 5, "XXX"), ["amount.currency_code", "amount.nanos", "amount.units"]),
    ],
    ids=str,
)
async def test_an_invalid_amount_is_rejected_and_not_stored(
    payments: AsyncStub, amount: money_pb2.Money, fields: list[str]
) -> None:
    request_id = new_id()
    error = await refused(payments.AuthorizePayment(authorization(request_id, amount=amount)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == fields
    assert (await payments.AuthorizePayment(authorization(request_id))).payment.state == AUTHORIZED


async def test_the_largest_amount_is_accepted(payments: AsyncStub) -> None:
    largest = money(1_000_000)
    assert (await payments.AuthorizePayment(authorization(amount=largest))).payment.amount == largest


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (
            pb.AuthorizePaymentRequest(),
            ["request_id", "amount", "payment_token"],
        ),
        (authorization(""), ["request_id"]),
        (authorization("a b"), ["request_id"]),
        (authorization("x" * 65), ["request_id"]),
        (authorization(token=""), ["payment_token"]),
        (authorization(token="t" * 129), ["payment_token"]),
        (authorization(reference="r" * 129), ["reference"]),
        (authorization(token="\0" * 9, reference="\0"), ["payment_token", "reference"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_the_error_names_each_invalid_field_of_an_authorization(
    payments: AsyncStub, request_: pb.AuthorizePaymentRequest, fields: list[str]
) -> None:
    error = await refused(payments.AuthorizePayment(request_))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


@pytest.mark.parametrize("name", ["", "payments/", "orders/1", "payments/A", "payments/a/b"])
async def test_every_method_checks_the_name_of_a_payment(payments: AsyncStub, name: str) -> None:
    for call, fields in (
        (payments.GetPayment(pb.GetPaymentRequest(name=name)), ["name"]),
        (payments.CapturePayment(pb.CapturePaymentRequest(name=name)), ["request_id", "name"]),
        (payments.VoidPayment(pb.VoidPaymentRequest(name=name)), ["request_id", "name"]),
        (payments.RefundPayment(pb.RefundPaymentRequest(name=name)), ["request_id", "name"]),
    ):
        error = await refused(call)
        assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


@pytest.mark.parametrize("call", [get, capture, void, refund], ids=["get", "capture", "void", "refund"])
async def test_a_payment_that_does_not_exist_is_not_found(payments: AsyncStub, call: Step) -> None:
    error = await refused(call(payments, f"payments/{new_id()}"))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PAYMENT_NOT_FOUND")
