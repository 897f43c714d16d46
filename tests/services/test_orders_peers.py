"""What orders makes of its real callees' answers: names, refusals, and what cannot be undone any more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from services.orders.domain import (
    Destination,
    Item,
    Order,
    Reason,
    RegionNotServedError,
    UnknownProductsError,
    Wish,
)
from services.orders.peers import (
    Catalog,
    CatalogUnavailableError,
    Inventory,
    Payments,
    Shipping,
    ShippingUnavailableError,
)
from services.orders.saga import PeerFailedError, RefusedError
from tests.services import sockets
from tests.services.conftest import Shared
from tests.services.shop import new_id

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
async def nobody(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(sockets.address(tmp_path)) as channel:
        yield channel


def order(product: str = "p-0150", token: str = "tok_visa") -> Order:  # noqa: S107  # the simulated processor's
    now = datetime.now(UTC)
    return Order(new_id(), "ada", (Item(product, "Kettle", 2, 4990),), "EUR", token, now, now, BERLIN, 490)


async def test_products_come_one_for_one_with_their_prices(catalog: Catalog) -> None:
    second, first = await catalog.products((Wish("p-0002", 1), Wish("p-0001", 1)))
    assert (second.id, first.id) == ("p-0002", "p-0001")
    assert (first.price_cents, first.currency) == (890, "EUR")


async def test_unknown_products_are_told_by_their_places(catalog: Catalog) -> None:
    with pytest.raises(UnknownProductsError) as caught:
        await catalog.products((Wish("nothing", 1), Wish("p-0001", 1), Wish("nobody", 1)))
    assert caught.value.positions == [0, 2]


async def test_shipping_costs_what_it_is_quoted(shipping: Shipping) -> None:
    assert await shipping.quote(BERLIN, 2, "EUR") == 490
    with pytest.raises(RegionNotServedError):
        await shipping.quote(replace(BERLIN, region_code="AQ"), 2, "EUR")


async def test_a_call_that_is_sent_again_answers_the_same(
    inventory: Inventory, payments: Payments, shipping: Shipping
) -> None:
    one = order()
    assert await shipping.book(one) == await shipping.book(one)
    assert await inventory.reserve(one) == await inventory.reserve(one)
    assert await payments.authorize(one) == await payments.authorize(one)


async def test_what_is_held_can_be_released_and_what_is_sold_cannot(inventory: Inventory) -> None:
    held, sold = order(), order()
    assert await inventory.release(held, await inventory.reserve(held))
    reservation = await inventory.reserve(sold)
    await inventory.commit(sold, reservation)
    assert not await inventory.release(sold, reservation)
    await inventory.take_back(sold, reservation)
    await inventory.take_back(sold, reservation)


async def test_what_is_released_cannot_be_sold(inventory: Inventory) -> None:
    released = order()
    reservation = await inventory.reserve(released)
    await inventory.release(released, reservation)
    with pytest.raises(PeerFailedError, match="inventory failed: FAILED_PRECONDITION"):
        await inventory.commit(released, reservation)


async def test_money_that_is_set_aside_can_be_voided_and_collected_money_is_refunded(payments: Payments) -> None:
    voided, refunded = order(), order()
    assert await payments.void(voided, await payments.authorize(voided))
    payment = await payments.authorize(refunded)
    await payments.capture(refunded, payment)
    assert not await payments.void(refunded, payment)
    await payments.refund(refunded, payment)
    await payments.refund(refunded, payment)


async def test_money_that_is_let_go_can_neither_be_collected_nor_refunded(payments: Payments) -> None:
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
async def test_a_shipment_that_is_not_taken_on_is_refused(shipping: Shipping, refused: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        await shipping.book(replace(order(), **refused))
    assert caught.value.rejection.reason is Reason.SHIPPING_REFUSED


async def test_refusals_carry_their_reason(inventory: Inventory, payments: Payments) -> None:
    with pytest.raises(RefusedError, match="p-0199") as out_of_stock:
        await inventory.reserve(order("p-0199"))
    assert out_of_stock.value.rejection.reason is Reason.INSUFFICIENT_STOCK
    with pytest.raises(RefusedError, match="CARD_DECLINED") as declined:
        await payments.authorize(order(token="tok_declined"))  # noqa: S106  # the simulated processor's
    assert declined.value.rejection.reason is Reason.PAYMENT_DECLINED


async def test_a_request_that_breaks_the_contract_is_a_failure_and_no_refusal(payments: Payments) -> None:
    with pytest.raises(PeerFailedError, match="payments failed: INVALID_ARGUMENT"):
        await payments.authorize(replace(order(), currency="XXX"))


async def test_callees_that_do_not_answer_have_failed(nobody: grpc.aio.Channel) -> None:
    with pytest.raises(CatalogUnavailableError):
        await Catalog(nobody).products((Wish("p-0001", 1),))
    one, inventory, payments, shipping = order(), Inventory(nobody), Payments(nobody), Shipping(nobody)
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
        inventory.take_back(one, "reservations/1"),
    ):
        with pytest.raises(PeerFailedError, match="failed: UNAVAILABLE"):
            await call
