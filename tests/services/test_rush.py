"""Many buyers at once, through orders and all that it calls: what there is is sold, and not a piece more."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from shop.orders.v1 import orders_pb2 as pb
from tests.conftest import Measured
from tests.services.conftest import Shared
from tests.services.databases import Databases
from tests.services.harness import NotYetError
from tests.services.shop import BERLIN, CONFIRMED, REJECTED, Shop, cart, new_id, patiently

LAST_TEN = "p-0062"  # The one product with ten pieces.


@pytest.fixture
async def shop(shared: Shared) -> AsyncIterator[Shop]:
    opened = Shop(*map(shared, ("orders", "inventory", "payments", "shipping")))
    yield opened
    await opened.close()


async def bought(shop: Shop) -> pb.Order:
    """Try to get one of the last pieces until they are gone or one is got; answer the order."""
    request = cart(to=BERLIN, p_0062=1)
    async for attempt in patiently():
        with attempt:
            # On a busy machine the answer may come before the end does.
            order = await shop.ended((await shop.place(request)).name)
            if order.rejection_reason == pb.Order.REJECTION_REASON_DEPENDENCY_FAILED:
                request = cart(to=BERLIN, p_0062=1)
                raise NotYetError
    return order


async def test_of_a_hundred_buyers_of_the_last_ten_pieces_ten_get_one(
    shop: Shop, storage: Databases, measured: Measured
) -> None:
    assert await shop.stock(LAST_TEN) == (10, 0)
    began = time.monotonic()
    placed = await asyncio.gather(*(bought(shop) for _ in range(100)))
    measured(f"a rush on {storage.name}: 100 orders at once ended within {time.monotonic() - began:.1f} s")
    assert Counter(order.state for order in placed) == {CONFIRMED: 10, REJECTED: 90}
    assert {order.rejection_reason for order in placed if order.state == REJECTED} == {
        pb.Order.REJECTION_REASON_INSUFFICIENT_STOCK
    }
    assert await shop.stock(LAST_TEN) == (0, 0)
    for order in placed:
        sold = order.state == CONFIRMED
        assert shop.money(order.name) == ["CAPTURED"] * sold
        assert shop.shipments(order.name) == ["BOOKED"] * sold


async def test_fifty_equal_requests_at_once_make_one_order_and_are_answered_alike(shop: Shop) -> None:
    before = await shop.stock("p-0065")
    request = cart(customer=f"customers/{new_id()}", to=BERLIN, p_0065=1)
    replies = await asyncio.gather(*(shop.place(request) for _ in range(50)))
    assert replies[0].state == CONFIRMED
    assert all(reply == replies[0] for reply in replies)
    assert await shop.orders(request.customer) == [replies[0]]
    assert await shop.stock("p-0065") == (before[0] - 1, before[1])
    assert shop.money(replies[0].name) == ["CAPTURED"]
    assert shop.shipments(replies[0].name) == ["BOOKED"]
