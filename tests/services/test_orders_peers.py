"""The clients of orders with their real callees: names, refusals, failures, and calls that come too late."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from services.orders.domain import Destination, Order, OrderItem, OrderLine
from services.orders.errors import (
    CatalogUnavailableError,
    PeerFailedError,
    RegionNotServedError,
    ShippingUnavailableError,
    StepRefusedError,
    UnknownProductsError,
)
from services.orders.peers import Catalog, Inventory, Payments, Shipping
from services.orders.progress import RejectionReason
from tests.support import sockets
from tests.support.shop import new_id
from tests.support.starters import Shared

BERLIN = Destination("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")


@pytest.fixture
async def catalog(shared: Shared) -> AsyncIterator[Catalog]:
    async with shared("catalog").channel() as channel:
        yield Catalog(channel)


@pytest.fixture
async def inventory(shared: Shared) -> AsyncIterator[Inventory]:
    async with shared("inventory").channel() as channel:
        yield Inventory(channel)


@pytest.fixture
async def payments(shared: Shared) -> AsyncIterator[Payments]:
    async with shared("payments").channel() as channel:
        yield Payments(channel)


@pytest.fixture
async def shipping(shared: Shared) -> AsyncIterator[Shipping]:
    async with shared("shipping").channel() as channel:
        yield Shipping(channel)


@pytest.fixture
async def unreachable(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(sockets.address(tmp_path)) as channel:
        yield channel


def order(product: str = "p-0150", token: str = "tok_visa") -> Order:  # noqa: S107  # the simulated processor's
    now = datetime.now(UTC)
    return Order(new_id(), "ada", (OrderItem(product, "Kettle", 2, 4990),), "EUR", token, now, now, BERLIN, 490)


async def test_products_are_returned_one_for_each_line_with_their_prices(catalog: Catalog) -> None:
    second, first = await catalog.get_products([OrderLine("p-0002", 1), OrderLine("p-0001", 1)])
    assert (second.id, first.id) == ("p-0002", "p-0001")
    assert (first.price_cents, first.currency) == (890, "EUR")


async def test_unknown_products_are_reported_by_position(catalog: Catalog) -> None:
    with pytest.raises(UnknownProductsError) as caught:
        await catalog.get_products([OrderLine("none", 1), OrderLine("p-0001", 1), OrderLine("nothing", 1)])
    assert caught.value.positions == [0, 2]


async def test_shipping_quotes_its_price(shipping: Shipping) -> None:
    assert await shipping.quote(BERLIN, 2, "EUR") == 490
    with pytest.raises(RegionNotServedError):
        await shipping.quote(replace(BERLIN, region_code="AQ"), 2, "EUR")


async def test_a_repeated_call_returns_the_same_name(
    inventory: Inventory, payments: Payments, shipping: Shipping
) -> None:
    one = order()
    assert await shipping.book(one) == await shipping.book(one)
    assert await inventory.reserve(one) == await inventory.reserve(one)
    assert await payments.authorize(one) == await payments.authorize(one)


async def test_reserved_stock_can_be_released_and_sold_stock_cannot(inventory: Inventory) -> None:
    held, sold = order(), order()
    assert await inventory.release(held, await inventory.reserve(held))
    reservation = await inventory.reserve(sold)
    await inventory.commit(sold, reservation)
    assert not await inventory.release(sold, reservation)
    await inventory.return_stock(sold, reservation)
    await inventory.return_stock(sold, reservation)


async def test_released_stock_cannot_be_sold(inventory: Inventory) -> None:
    released = order()
    reservation = await inventory.reserve(released)
    await inventory.release(released, reservation)
    with pytest.raises(PeerFailedError, match="inventory failed: FAILED_PRECONDITION"):
        await inventory.commit(released, reservation)


async def test_authorized_money_can_be_voided_and_captured_money_is_refunded(payments: Payments) -> None:
    voided, refunded = order(), order()
    assert await payments.void(voided, await payments.authorize(voided))
    payment = await payments.authorize(refunded)
    await payments.capture(refunded, payment)
    assert not await payments.void(refunded, payment)
    await payments.refund(refunded, payment)
    await payments.refund(refunded, payment)


async def test_voided_money_can_neither_be_captured_nor_refunded(payments: Payments) -> None:
    voided = order()
    payment = await payments.authorize(voided)
    await payments.void(voided, payment)
    for call in (payments.capture, payments.refund):
        with pytest.raises(PeerFailedError, match="payments failed: FAILED_PRECONDITION"):
            await call(voided, payment)


async def test_a_booked_shipment_can_be_cancelled(shipping: Shipping) -> None:
    one = order()
    shipment = await shipping.book(one)
    await shipping.cancel(one, shipment)
    await shipping.cancel(one, shipment)


@pytest.mark.parametrize(
    "refused",
    [
        {"shipping_cents": 489},
        {"destination": replace(BERLIN, postal_code="00000")},
        {"destination": replace(BERLIN, region_code="AQ")},
    ],
    ids=["price", "address", "region"],
)
async def test_a_shipment_that_cannot_be_booked_is_refused(shipping: Shipping, refused: dict[str, Any]) -> None:
    with pytest.raises(StepRefusedError) as caught:
        await shipping.book(replace(order(), **refused))
    assert caught.value.rejection.reason is RejectionReason.SHIPPING_REFUSED


async def test_refusals_have_a_reason(inventory: Inventory, payments: Payments) -> None:
    with pytest.raises(StepRefusedError, match="p-0199") as out_of_stock:
        await inventory.reserve(order("p-0199"))
    assert out_of_stock.value.rejection.reason is RejectionReason.INSUFFICIENT_STOCK
    with pytest.raises(StepRefusedError, match="CARD_DECLINED") as declined:
        await payments.authorize(order(token="tok_declined"))  # noqa: S106  # the simulated processor's
    assert declined.value.rejection.reason is RejectionReason.PAYMENT_DECLINED


async def test_a_request_that_violates_the_contract_is_a_failure_and_no_refusal(payments: Payments) -> None:
    with pytest.raises(PeerFailedError, match="payments failed: INVALID_ARGUMENT"):
        await payments.authorize(replace(order(), currency="XXX"))


async def test_unreachable_callees_have_failed(unreachable: grpc.aio.Channel) -> None:
    with pytest.raises(CatalogUnavailableError):
        await Catalog(unreachable).get_products([OrderLine("p-0001", 1)])
    one, inventory, payments, shipping = order(), Inventory(unreachable), Payments(unreachable), Shipping(unreachable)
    with pytest.raises(ShippingUnavailableError):
        await shipping.quote(BERLIN, 2, "EUR")
    for call in (
        inventory.reserve(one),
        inventory.commit(one, "reservations/1"),
        inventory.release(one, "reservations/1"),
        payments.authorize(one),
        payments.capture(one, "payments/1"),
        payments.void(one, "payments/1"),
        payments.refund(one, "payments/1"),
        shipping.book(one),
        shipping.cancel(one, "shipments/1"),
        inventory.return_stock(one, "reservations/1"),
    ):
        with pytest.raises(PeerFailedError, match="failed: UNAVAILABLE"):
            await call
