"""Two versions of orders' contract over the same orders: one sees what the other does, and nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from shop.orders.v1 import orders_pb2 as v1
from shop.orders.v2 import orders_pb2 as v2
from tests.services.conftest import Shared
from tests.services.refusals import refused
from tests.services.shop import BERLIN, CANCELLED, CONFIRMED, REJECTED, Shop, as_v2, cart, elsewhere, new_id

REUSED = (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", ["request_id"])


@pytest.fixture
async def shop(shared: Shared) -> AsyncIterator[Shop]:
    opened = Shop(*map(shared, ("orders", "inventory", "payments", "shipping")))
    yield opened
    await opened.close()


async def place(shop: Shop, request: v2.PlaceOrderRequest) -> v2.Order:
    return (await shop.v2.PlaceOrder(request)).order


async def found(shop: Shop, name: str) -> v2.Order:
    return (await shop.v2.GetOrder(v2.GetOrderRequest(name=name))).order


def cents(money: Any) -> int:  # noqa: ANN401  # google.type.Money, of either module
    return int(money.units * 100 + money.nanos // 10_000_000)


def assert_same(first: v1.Order, second: v2.Order) -> None:
    """Assert that two messages tell of the same order."""
    for field in ("name", "customer", "state", "shipment", "create_time", "update_time"):
        assert getattr(first, field) == getattr(second, field), field
    assert [v1.OrderItem.FromString(item.SerializeToString()) for item in second.items] == list(first.items)
    assert second.costs.total == first.total
    assert cents(second.costs.shipping) == cents(first.shipping_price)
    assert cents(second.costs.items) + cents(second.costs.shipping) == cents(second.costs.total)
    assert second.HasField("rejection") == (first.state == REJECTED)
    assert int(second.rejection.reason) == int(first.rejection_reason)
    assert second.rejection.message == first.rejection_message


@pytest.mark.parametrize(
    ("wish", "state"),
    [
        pytest.param({"to": BERLIN, "p_0141": 2, "p_0142": 1}, CONFIRMED, id="shipped"),
        pytest.param({"p_0141": 1}, CONFIRMED, id="picked up"),
        pytest.param({"p_0199": 1}, REJECTED, id="sold out"),
        pytest.param({"token": "tok_expired", "p_0141": 1}, REJECTED, id="declined"),
        pytest.param({"to": elsewhere(postal_code="00000"), "p_0141": 1}, REJECTED, id="undeliverable"),
    ],
)
async def test_what_one_version_places_the_other_finds(shop: Shop, wish: dict[str, Any], state: int) -> None:
    customer = f"customers/{new_id()}"
    first = await shop.place(cart(customer=customer, **wish))
    second = await place(shop, as_v2(cart(customer=customer, **wish)))
    assert (first.state, int(second.state)) == (state, state)
    assert_same(first, await found(shop, first.name))
    assert_same(await shop.order(second.name), second)
    listed = await shop.v2.ListOrders(v2.ListOrdersRequest(customer=customer))
    assert list(listed.orders) == [second, await found(shop, first.name)]
    assert [order.name for order in await shop.orders(customer)] == [second.name, first.name]


@pytest.mark.parametrize("wish", [{"to": BERLIN, "p_0143": 1}, {"p_0143": 1}], ids=["shipped", "picked up"])
async def test_one_request_by_both_versions_at_once_makes_one_order(shop: Shop, wish: dict[str, Any]) -> None:
    customer = f"customers/{new_id()}"
    before = await shop.stock("p-0143")
    first = cart(customer=customer, **wish)
    second = as_v2(first)
    placed = await asyncio.gather(
        asyncio.gather(*(shop.place(first) for _ in range(10))),
        asyncio.gather(*(place(shop, second) for _ in range(10))),
    )
    [name] = {order.name for orders in placed for order in orders}
    assert (await shop.ended(name)).state == CONFIRMED
    assert_same(await shop.place(first), await place(shop, second))
    assert len(await shop.orders(customer)) == 1
    assert await shop.stock("p-0143") == (before[0] - 1, before[1])
    assert shop.money(name) == ["CAPTURED"]

    cancelling = v2.CancelOrderRequest(request_id=new_id(), name=name)
    cancelled = (await shop.v2.CancelOrder(cancelling)).order
    assert int(cancelled.state) == CANCELLED
    assert_same(await shop.cancel(name, cancelling.request_id), cancelled)
    assert await shop.stock("p-0143") == before
    assert shop.money(name) == ["REFUNDED"]


async def test_a_request_id_of_one_version_is_refused_for_another_request_of_the_other(shop: Shop) -> None:
    customer, (one, two) = f"customers/{new_id()}", (new_id(), new_id())
    first = await shop.place(cart(one, customer=customer, to=BERLIN, p_0144=1))
    second = await place(shop, as_v2(cart(two, customer=customer, to=BERLIN, p_0144=1)))
    others: list[dict[str, Any]] = [
        {"p_0144": 1},
        {"to": elsewhere(recipient="Eve"), "p_0144": 1},
        {"to": BERLIN, "p_0144": 2},
        {"to": BERLIN, "p_0144": 1, "p_0145": 1},
        {"to": BERLIN, "token": "tok_amex", "p_0144": 1},
    ]
    for wish in others:
        for call in (
            shop.v2.PlaceOrder(as_v2(cart(one, customer=customer, **wish))),
            shop.stub.PlaceOrder(cart(two, customer=customer, **wish)),
        ):
            error = await refused(call)
            assert (error.code, error.reason, error.fields) == REUSED, wish
    error = await refused(shop.v2.CancelOrder(v2.CancelOrderRequest(request_id=one, name=first.name)))
    assert (error.code, error.reason, error.fields) == REUSED
    assert [order.name for order in await shop.orders(customer)] == [second.name, first.name]


async def test_pages_of_both_versions_fit_together(shop: Shop) -> None:
    customer = f"customers/{new_id()}"
    placed = [(await shop.place(cart(customer=customer, p_0199=1))).name for _ in range(4)][::-1]
    one = await shop.stub.ListOrders(v1.ListOrdersRequest(customer=customer, page_size=1))
    two = await shop.v2.ListOrders(v2.ListOrdersRequest(customer=customer, page_size=2, page_token=one.next_page_token))
    three = await shop.stub.ListOrders(v1.ListOrdersRequest(customer=customer, page_token=two.next_page_token))
    assert [order.name for page in (one.orders, two.orders, three.orders) for order in page] == placed
    for token in (one.next_page_token, two.next_page_token):
        other = v2.ListOrdersRequest(customer=f"customers/{new_id()}", page_token=token)
        assert (await refused(shop.v2.ListOrders(other))).fields == ["page_token"]


async def test_a_watch_of_one_version_goes_on_by_the_other(shop: Shop) -> None:
    order = await shop.place(cart(p_0199=1))
    other = await shop.place(cart(p_0199=1))

    async def told(token: str = "") -> list[v2.WatchOrderResponse]:
        request = v2.WatchOrderRequest(name=order.name, resume_token=token)
        return [response async for response in shop.v2.WatchOrder(request)]

    [first] = [response async for response in shop.watch(order.name)]
    [second] = await told(first.resume_token)
    assert_same(order, second.order)
    assert await told(second.resume_token) == [], "what this version has told is not told again"
    [again] = [response async for response in shop.watch(order.name, second.resume_token)]
    assert again == first
    [foreign] = [response async for response in shop.watch(other.name)]
    request = v2.WatchOrderRequest(name=order.name, resume_token=foreign.resume_token)
    assert (await refused(anext(aiter(shop.v2.WatchOrder(request))))).fields == ["resume_token"]


async def test_how_an_order_is_delivered_has_to_be_said(shop: Shop) -> None:
    request = as_v2(cart(customer=f"customers/{new_id()}", p_0146=1))
    request.ClearField("pickup")
    error = await refused(shop.v2.PlaceOrder(request))
    assert (error.code, error.reason, error.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELDS",
        ["delivery"],
    )
    assert await shop.orders(request.customer) == []


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (v2.PlaceOrderRequest(), ["request_id", "customer", "items", "payment_token", "delivery"]),
        (
            as_v2(cart(to=v1.ShippingAddress(region_code="germany"), p_0001=0)),
            ["items[0].quantity"]
            + [f"shipping_address.{field}" for field in ("recipient", "lines", "locality")]
            + ["shipping_address.region_code"],
        ),
        (as_v2(cart(to=elsewhere(region_code="AQ"), p_0001=1)), ["shipping_address.region_code"]),
        (as_v2(cart(nothing=1, p_0001=1)), ["items[0].product"]),
        (as_v2(cart(p_0001=1, customer="ada")), ["customer"]),
    ],
    ids=["nothing", "much", "region", "product", "customer"],
)
async def test_every_offending_field_is_named_as_this_version_calls_it(
    shop: Shop, request_: v2.PlaceOrderRequest, fields: list[str]
) -> None:
    error = await refused(shop.v2.PlaceOrder(request_))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert sorted(error.fields) == sorted(fields)


async def test_what_is_not_there_or_cannot_be_cancelled_is_told(shop: Shop) -> None:
    name = f"orders/{new_id()}"
    for call in (
        shop.v2.GetOrder(v2.GetOrderRequest(name=name)),
        anext(aiter(shop.v2.WatchOrder(v2.WatchOrderRequest(name=name)))),
        shop.v2.CancelOrder(v2.CancelOrderRequest(request_id=new_id(), name=name)),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    rejected = await place(shop, as_v2(cart(p_0199=1)))
    error = await refused(shop.v2.CancelOrder(v2.CancelOrderRequest(request_id=new_id(), name=rejected.name)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_WRONG_STATE")
