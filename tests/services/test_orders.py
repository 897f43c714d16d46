"""orders through its generated client, with the real catalog, inventory, payments and shipping."""

import asyncio

import grpc
import pytest

from shop.orders.v1 import orders_pb2 as pb
from tests.support.errors import refused
from tests.support.shop import BERLIN, CANCELLED, CONFIRMED, PENDING, REJECTED, Shop, address_with, cart, new_id

SOLD_OUT = "p-0199"  # the only product without stock


def cents(order: pb.Order) -> int:
    return order.total.units * 100 + order.total.nanos // 10_000_000


async def test_a_confirmed_order_has_sold_its_stock_and_captured_its_money(shop: Shop) -> None:
    before = await shop.stock("p-0031"), await shop.stock("p-0120")
    order = await shop.place(cart(p_0031=2, p_0120=1))
    assert order.state == CONFIRMED
    assert order.customer == "customers/ada"
    assert [(item.product, item.quantity) for item in order.items] == [("products/p-0031", 2), ("products/p-0120", 1)]
    assert all(item.display_name for item in order.items)
    prices = [item.unit_price.units * 100 + item.unit_price.nanos // 10_000_000 for item in order.items]
    assert cents(order) == 2 * prices[0] + prices[1]
    assert order.total.currency_code == "EUR"
    assert (order.rejection_reason, order.rejection_message) == (0, "")
    assert order.create_time.ToDatetime() <= order.update_time.ToDatetime()

    assert await shop.stock("p-0031") == (before[0][0] - 2, before[0][1])
    assert await shop.stock("p-0120") == (before[1][0] - 1, before[1][1])
    assert shop.payment_states(order.name) == ["CAPTURED"]
    assert await shop.order(order.name) == order


async def test_an_order_with_an_address_is_shipped_and_pays_for_shipping(shop: Shop) -> None:
    order = await shop.place(cart(to=BERLIN, p_0131=2))
    assert order.state == CONFIRMED
    price = order.items[0].unit_price
    shipping = order.shipping_price.units * 100 + order.shipping_price.nanos // 10_000_000
    assert shipping == 490
    assert cents(order) == 2 * (price.units * 100 + price.nanos // 10_000_000) + shipping
    assert order.shipment.startswith("shipments/")
    assert shop.shipment_states(order.name) == ["BOOKED"]
    assert shop.payment_states(order.name) == ["CAPTURED"]
    assert await shop.order(order.name) == order


async def test_an_order_without_an_address_is_collected(shop: Shop) -> None:
    order = await shop.place(cart(p_0131=1))
    assert order.state == CONFIRMED
    assert not order.HasField("shipping_price")
    assert order.shipment == ""
    assert shop.shipment_states(order.name) == []


async def test_an_order_that_cannot_be_delivered_is_rejected_and_undone(shop: Shop) -> None:
    before = await shop.stock("p-0132")
    order = await shop.place(cart(to=address_with(postal_code="00000"), p_0132=1))
    assert (order.state, order.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_SHIPPING_REFUSED)
    assert "does not deliver" in order.rejection_message
    assert order.shipment == ""
    assert await shop.stock("p-0132") == before
    assert shop.payment_states(order.name) == ["VOIDED"]
    assert shop.shipment_states(order.name) == []


async def test_a_declined_order_is_not_shipped(shop: Shop) -> None:
    order = await shop.place(cart(token="tok_declined", to=BERLIN, p_0132=1))  # noqa: S106  # the processor's
    assert (order.state, order.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_PAYMENT_DECLINED)
    assert shop.shipment_states(order.name) == []


async def test_an_order_of_a_product_without_stock_is_rejected_and_holds_nothing(shop: Shop) -> None:
    before = await shop.stock("p-0121")
    order = await shop.place(cart(p_0121=1, p_0199=1))
    assert (order.state, order.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_INSUFFICIENT_STOCK)
    assert SOLD_OUT in order.rejection_message
    assert await shop.stock("p-0121") == before
    assert shop.payment_states(order.name) == []


async def test_a_declined_order_is_rejected_and_its_stock_released(shop: Shop) -> None:
    before = await shop.stock("p-0122")
    order = await shop.place(cart(token="tok_expired", p_0122=3))  # noqa: S106  # the simulated card processor's
    assert (order.state, order.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_PAYMENT_DECLINED)
    assert "CARD_EXPIRED" in order.rejection_message
    assert await shop.stock("p-0122") == before
    assert shop.payment_states(order.name) == []


async def test_a_repeated_request_returns_the_same_order(shop: Shop) -> None:
    for request in (cart(p_0123=1), cart(p_0199=1)):
        first = await shop.place(request)
        after = await shop.stock("p-0123")
        assert await shop.place(request) == first
        assert await shop.stock("p-0123") == after


async def test_a_request_id_is_for_one_order(shop: Shop) -> None:
    request_id, customer = new_id(), f"customers/{new_id()}"
    order = await shop.place(cart(request_id, customer=customer, p_0124=1))
    for other in (
        cart(request_id, customer=customer, p_0124=2),
        cart(request_id, customer=customer, token="tok_amex", p_0124=1),  # noqa: S106  # the processor's
        cart(request_id, customer="customers/eve", p_0124=1),
        cart(request_id, customer=customer, to=BERLIN, p_0124=1),
    ):
        error = await refused(shop.stub.PlaceOrder(other))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
        assert error.fields == ["request_id"]
    assert await shop.orders(customer) == [order]


async def test_one_request_sent_many_times_at_once_places_one_order(shop: Shop) -> None:
    customer = f"customers/{new_id()}"
    before = await shop.stock("p-0125")
    request = cart(customer=customer, to=BERLIN, p_0125=2)
    placed = await asyncio.gather(*(shop.place(request) for _ in range(10)))
    assert {order.name for order in placed} == {placed[0].name}
    assert {order.state for order in placed} <= {PENDING, CONFIRMED}
    assert (await shop.ended(placed[0].name)).state == CONFIRMED
    assert len(await shop.orders(customer)) == 1
    assert await shop.stock("p-0125") == (before[0] - 2, before[1])
    assert shop.payment_states(placed[0].name) == ["CAPTURED"]
    assert shop.shipment_states(placed[0].name) == ["BOOKED"]


async def test_many_customers_at_once_cannot_buy_more_than_the_stock(shop: Shop) -> None:
    available, reserved = await shop.stock("p-0047")
    placed = await asyncio.gather(*(shop.place(cart(p_0047=1)) for _ in range(8)))
    confirmed = [order for order in placed if order.state == CONFIRMED]
    assert len(confirmed) == available == 1
    assert {order.rejection_reason for order in placed if order.state == REJECTED} == {
        pb.Order.REJECTION_REASON_INSUFFICIENT_STOCK
    }
    assert await shop.stock("p-0047") == (0, reserved)


def twice(request: pb.PlaceOrderRequest) -> pb.PlaceOrderRequest:
    """Add each item once more, and return the request."""
    request.items.extend(list(request.items))
    return request


def many(request: pb.PlaceOrderRequest, count: int) -> pb.PlaceOrderRequest:
    """Add `count` products, and return the request."""
    request.items.extend(pb.PlaceOrderItem(product=f"products/p-{number}", quantity=1) for number in range(count))
    return request


@pytest.mark.parametrize(
    ("invalid", "fields"),
    [
        (pb.PlaceOrderRequest(), ["request_id", "customer", "items", "payment_token"]),
        (cart("", p_0126=1), ["request_id"]),
        (cart("x" * 65, p_0126=1), ["request_id"]),
        (cart("no spaces", p_0126=1), ["request_id"]),
        (cart(customer="ada", p_0126=1), ["customer"]),
        (cart(customer="customers/" + "a" * 65, p_0126=1), ["customer"]),
        (cart(token="", p_0126=1), ["payment_token"]),
        (cart(token="t" * 129, p_0126=1), ["payment_token"]),
        (cart(p_0126=0), ["items[0].quantity"]),
        (cart(p_0126=-1), ["items[0].quantity"]),
        (cart(p_0126=1001), ["items[0].quantity"]),
        (cart(p_0126=1, p_0127=2**31 - 1), ["items[1].quantity"]),
        (cart(p_0126=1, P_BAD=-(2**31)), ["items[1].product", "items[1].quantity"]),
        (many(cart(), 51), ["items"]),
        (twice(cart(p_0126=1)), ["items"]),
        (cart(p_0126=1, p_9998=1, p_0127=1, p_9999=1), ["items[1].product", "items[3].product"]),
        (cart(p_0066=1000), ["items"]),
        (
            cart(to=pb.ShippingAddress(), p_0126=1),
            [f"shipping_address.{field}" for field in ("recipient", "lines", "locality", "region_code")],
        ),
        (cart(to=address_with(recipient="r" * 101), p_0126=1), ["shipping_address.recipient"]),
        (cart(to=address_with(lines=["1", "2", "3", "4"]), p_0126=1), ["shipping_address.lines"]),
        (cart(to=address_with(lines=["1", ""]), p_0126=1), ["shipping_address.lines[1]"]),
        (cart(to=address_with(locality="l" * 101), p_0126=1), ["shipping_address.locality"]),
        (cart(to=address_with(postal_code="1" * 17), p_0126=1), ["shipping_address.postal_code"]),
        (cart(to=address_with(region_code="de"), p_0126=1), ["shipping_address.region_code"]),
        (cart(to=address_with(region_code="AQ"), p_0126=1), ["shipping_address.region_code"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
async def test_every_invalid_field_is_reported_and_nothing_is_stored(
    shop: Shop, invalid: pb.PlaceOrderRequest, fields: list[str]
) -> None:
    customer = f"customers/{new_id()}"
    if invalid.customer == "customers/ada":
        invalid.customer = customer
    before = await shop.stock("p-0126")
    error = await refused(shop.stub.PlaceOrder(invalid))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.domain == "orders.shop.example"
    assert error.fields == fields
    assert await shop.orders(customer) == []
    assert await shop.stock("p-0126") == before


async def test_the_request_id_of_a_refused_request_can_be_used_again(shop: Shop) -> None:
    request_id = new_id()
    assert (await refused(shop.stub.PlaceOrder(cart(request_id, p_9999=1)))).fields == ["items[0].product"]
    assert (await shop.place(cart(request_id, p_0128=1))).state == CONFIRMED


@pytest.mark.parametrize("to", [BERLIN, None], ids=["shipped", "collected"])
async def test_a_cancelled_order_is_undone(shop: Shop, to: pb.ShippingAddress | None) -> None:
    before = await shop.stock("p-0133")
    order = await shop.place(cart(to=to, p_0133=2))
    cancelled = await shop.cancel(order.name)
    assert cancelled.state == CANCELLED
    assert (cancelled.items, cancelled.total, cancelled.shipment) == (order.items, order.total, order.shipment)
    assert (cancelled.rejection_reason, cancelled.rejection_message) == (0, "")
    assert await shop.stock("p-0133") == before
    assert shop.payment_states(order.name) == ["REFUNDED"]
    assert shop.shipment_states(order.name) == (["CANCELLED"] if to else [])
    assert await shop.cancel(order.name) == cancelled
    assert await shop.order(order.name) == cancelled
    assert await shop.stock("p-0133") == before


async def test_one_cancellation_sent_many_times_at_once_undoes_the_order_once(shop: Shop) -> None:
    before = await shop.stock("p-0134")
    order, request_id = await shop.place(cart(to=BERLIN, p_0134=1)), new_id()
    replies = await asyncio.gather(*(shop.cancel(order.name, request_id) for _ in range(10)))
    assert all(reply == replies[0] for reply in replies)
    assert replies[0].state == CANCELLED
    assert await shop.stock("p-0134") == before
    assert shop.payment_states(order.name) == ["REFUNDED"]


async def test_a_rejected_order_cannot_be_cancelled(shop: Shop) -> None:
    order = await shop.place(cart(p_0199=1))
    error = await refused(shop.cancel(order.name))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_WRONG_STATE")
    assert error.metadata == {"state": "REJECTED"}
    assert await shop.order(order.name) == order


async def test_the_request_id_of_a_cancellation_is_for_one_order(shop: Shop) -> None:
    placing = cart(p_0135=1)
    order, other = await shop.place(placing), await shop.place(cart(p_0135=1))
    request_id = new_id()
    await shop.cancel(other.name, request_id)
    for reused in (placing.request_id, request_id):
        error = await refused(shop.cancel(order.name, reused))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert await shop.order(order.name) == order


@pytest.mark.parametrize("name", ["", "orders/", "orders/A", "customers/ada", "orders/a/b", "orders/" + "a" * 65])
async def test_an_invalid_order_name_is_reported(shop: Shop, name: str) -> None:
    for call, fields in (
        (shop.stub.GetOrder(pb.GetOrderRequest(name=name)), ["name"]),
        (shop.stub.CancelOrder(pb.CancelOrderRequest(name=name)), ["request_id", "name"]),
    ):
        error = await refused(call)
        assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_an_order_that_does_not_exist_is_not_found(shop: Shop) -> None:
    name = f"orders/{new_id()}"
    for call in (shop.stub.GetOrder(pb.GetOrderRequest(name=name)), shop.cancel(name)):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_a_customers_orders_are_listed_newest_first_in_pages(shop: Shop) -> None:
    customer = f"customers/{new_id()}"
    placed = [await shop.place(cart(customer=customer, p_0129=1)) for _ in range(5)]
    listed: list[pb.Order] = []
    token = ""
    while True:
        request = pb.ListOrdersRequest(customer=customer, page_size=2, page_token=token)
        page = await shop.stub.ListOrders(request)
        assert len(page.orders) <= 2
        listed += page.orders
        token = page.next_page_token
        if not token:
            break
    assert listed == placed[::-1]


async def test_a_page_token_is_for_one_customer(shop: Shop) -> None:
    customer = f"customers/{new_id()}"
    for _ in range(2):
        await shop.place(cart(customer=customer, p_0130=1))
    page = await shop.stub.ListOrders(pb.ListOrdersRequest(customer=customer, page_size=1))
    request = pb.ListOrdersRequest(customer="customers/eve", page_token=page.next_page_token)
    assert (await refused(shop.stub.ListOrders(request))).fields == ["page_token"]


@pytest.mark.parametrize(
    ("invalid", "fields"),
    [
        ({}, ["customer"]),
        ({"customer": "customers/a b"}, ["customer"]),
        ({"customer": "customers/ada", "page_size": -1}, ["page_size"]),
        ({"customer": "customers/ada", "page_token": "made-up"}, ["page_token"]),
    ],
    ids=",".join,
)
async def test_every_invalid_field_of_a_list_is_reported(
    shop: Shop, invalid: dict[str, object], fields: list[str]
) -> None:
    error = await refused(shop.stub.ListOrders(pb.ListOrdersRequest(**invalid)))  # type: ignore[arg-type]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_customer_without_orders_has_an_empty_list(shop: Shop) -> None:
    assert await shop.orders(f"customers/{new_id()}") == []
