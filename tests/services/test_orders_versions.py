"""Both versions of the contract serve the same orders: each sees the changes of the other, and none happens twice."""

import asyncio
from typing import Any

import grpc
import pytest

from shop.orders.v1 import orders_pb2 as v1
from shop.orders.v2 import orders_pb2 as v2
from tests.support.errors import refused
from tests.support.shop import BERLIN, CANCELLED, CONFIRMED, REJECTED, Shop, address_with, as_v2, cart, new_id

REUSED = (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", ["request_id"])


async def place(shop: Shop, request: v2.PlaceOrderRequest) -> v2.Order:
    return (await shop.v2.PlaceOrder(request)).order


async def get(shop: Shop, name: str) -> v2.Order:
    return (await shop.v2.GetOrder(v2.GetOrderRequest(name=name))).order


def cents(money: Any) -> int:  # noqa: ANN401  # google.type.Money, of either module
    return int(money.units * 100 + money.nanos // 10_000_000)


def assert_same(first: v1.Order, second: v2.Order) -> None:
    """Assert that the messages of both versions show the same order."""
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
    ("lines", "state"),
    [
        pytest.param({"to": BERLIN, "p_0141": 2, "p_0142": 1}, CONFIRMED, id="shipped"),
        pytest.param({"p_0141": 1}, CONFIRMED, id="picked up"),
        pytest.param({"p_0199": 1}, REJECTED, id="sold out"),
        pytest.param({"token": "tok_expired", "p_0141": 1}, REJECTED, id="declined"),
        pytest.param({"to": address_with(postal_code="00000"), "p_0141": 1}, REJECTED, id="undeliverable"),
    ],
)
async def test_an_order_of_one_version_is_read_by_the_other(shop: Shop, lines: dict[str, Any], state: int) -> None:
    customer = f"customers/{new_id()}"
    first = await shop.place(cart(customer=customer, **lines))
    second = await place(shop, as_v2(cart(customer=customer, **lines)))
    assert (first.state, int(second.state)) == (state, state)
    assert_same(first, await get(shop, first.name))
    assert_same(await shop.order(second.name), second)
    listed = await shop.v2.ListOrders(v2.ListOrdersRequest(customer=customer))
    assert list(listed.orders) == [second, await get(shop, first.name)]
    assert [order.name for order in await shop.orders(customer)] == [second.name, first.name]


@pytest.mark.parametrize("lines", [{"to": BERLIN, "p_0143": 1}, {"p_0143": 1}], ids=["shipped", "picked up"])
async def test_one_request_by_both_versions_at_once_places_one_order(shop: Shop, lines: dict[str, Any]) -> None:
    customer = f"customers/{new_id()}"
    before = await shop.stock("p-0143")
    first = cart(customer=customer, **lines)
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
    assert shop.payment_states(name) == ["CAPTURED"]

    cancel_request = v2.CancelOrderRequest(request_id=new_id(), name=name)
    cancelled = (await shop.v2.CancelOrder(cancel_request)).order
    assert int(cancelled.state) == CANCELLED
    assert_same(await shop.cancel(name, cancel_request.request_id), cancelled)
    assert await shop.stock("p-0143") == before
    assert shop.payment_states(name) == ["REFUNDED"]


async def test_a_request_id_of_one_version_is_refused_for_other_requests_of_both(shop: Shop) -> None:
    customer, (one, two) = f"customers/{new_id()}", (new_id(), new_id())
    first = await shop.place(cart(one, customer=customer, to=BERLIN, p_0144=1))
    second = await place(shop, as_v2(cart(two, customer=customer, to=BERLIN, p_0144=1)))
    others: list[dict[str, Any]] = [
        {"p_0144": 1},
        {"to": address_with(recipient="Eve"), "p_0144": 1},
        {"to": BERLIN, "p_0144": 2},
        {"to": BERLIN, "p_0144": 1, "p_0145": 1},
        {"to": BERLIN, "token": "tok_amex", "p_0144": 1},
    ]
    for lines in others:
        for call in (
            shop.v2.PlaceOrder(as_v2(cart(one, customer=customer, **lines))),
            shop.stub.PlaceOrder(cart(two, customer=customer, **lines)),
        ):
            error = await refused(call)
            assert (error.code, error.reason, error.fields) == REUSED, lines
    error = await refused(shop.v2.CancelOrder(v2.CancelOrderRequest(request_id=one, name=first.name)))
    assert (error.code, error.reason, error.fields) == REUSED
    assert [order.name for order in await shop.orders(customer)] == [second.name, first.name]


async def test_a_page_token_of_one_version_continues_in_the_other(shop: Shop) -> None:
    customer = f"customers/{new_id()}"
    placed = [(await shop.place(cart(customer=customer, p_0199=1))).name for _ in range(4)][::-1]
    one = await shop.stub.ListOrders(v1.ListOrdersRequest(customer=customer, page_size=1))
    two = await shop.v2.ListOrders(v2.ListOrdersRequest(customer=customer, page_size=2, page_token=one.next_page_token))
    three = await shop.stub.ListOrders(v1.ListOrdersRequest(customer=customer, page_token=two.next_page_token))
    assert [order.name for page in (one.orders, two.orders, three.orders) for order in page] == placed
    for token in (one.next_page_token, two.next_page_token):
        other = v2.ListOrdersRequest(customer=f"customers/{new_id()}", page_token=token)
        assert (await refused(shop.v2.ListOrders(other))).fields == ["page_token"]


async def test_a_watch_of_one_version_is_resumed_by_the_other(shop: Shop) -> None:
    order = await shop.place(cart(p_0199=1))
    other = await shop.place(cart(p_0199=1))

    async def watch(token: str = "") -> list[v2.WatchOrderResponse]:
        request = v2.WatchOrderRequest(name=order.name, resume_token=token)
        return [response async for response in shop.v2.WatchOrder(request)]

    [first] = [response async for response in shop.watch(order.name)]
    [second] = await watch(first.resume_token)
    assert_same(order, second.order)
    assert await watch(second.resume_token) == [], "the same version does not repeat its last message"
    [repeated] = [response async for response in shop.watch(order.name, second.resume_token)]
    assert repeated == first
    [unrelated] = [response async for response in shop.watch(other.name)]
    request = v2.WatchOrderRequest(name=order.name, resume_token=unrelated.resume_token)
    assert (await refused(anext(aiter(shop.v2.WatchOrder(request))))).fields == ["resume_token"]


async def test_the_second_version_requires_a_delivery(shop: Shop) -> None:
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
        (as_v2(cart(to=address_with(region_code="AQ"), p_0001=1)), ["shipping_address.region_code"]),
        (as_v2(cart(nothing=1, p_0001=1)), ["items[0].product"]),
        (as_v2(cart(p_0001=1, customer="ada")), ["customer"]),
    ],
    ids=["nothing", "much", "region", "product", "customer"],
)
async def test_every_invalid_field_is_reported_by_its_name_in_this_version(
    shop: Shop, request_: v2.PlaceOrderRequest, fields: list[str]
) -> None:
    error = await refused(shop.v2.PlaceOrder(request_))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert sorted(error.fields) == sorted(fields)


async def test_a_missing_order_and_one_that_cannot_be_cancelled_are_reported(shop: Shop) -> None:
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
