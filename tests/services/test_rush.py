"""Many buyers at once, through orders and its callees: exactly the available pieces are sold."""

import asyncio
from collections import Counter

import pytest

from shop.orders.v1 import orders_pb2 as pb
from tests.support.clock import Stopwatch, eventually
from tests.support.databases import Databases
from tests.support.processes import NotYetError
from tests.support.report import Measured
from tests.support.shop import BERLIN, CONFIRMED, REJECTED, Shop, cart, new_id

TEN_PIECES = "p-0062"  # The only product with ten pieces in the opening stock.


async def buy(shop: Shop) -> pb.Order:
    """Order one of the ten pieces until the order is confirmed or they are sold out, and return the order."""
    request = cart(to=BERLIN, p_0062=1)
    async for attempt in eventually(120, every=0.2, retry=Exception):
        with attempt:
            # On a busy machine PlaceOrder may return before the order has ended.
            order = await shop.ended((await shop.place(request)).name)
            if order.rejection_reason == pb.Order.REJECTION_REASON_DEPENDENCY_FAILED:
                request = cart(to=BERLIN, p_0062=1)
                raise NotYetError
    return order


@pytest.mark.prove
async def test_of_a_hundred_buyers_of_ten_pieces_ten_get_one(
    shop: Shop, storage: Databases, measured: Measured
) -> None:
    assert await shop.stock(TEN_PIECES) == (10, 0)
    stopwatch = Stopwatch()
    placed = await asyncio.gather(*(buy(shop) for _ in range(100)))
    measured(f"a rush on {storage.name}: 100 orders at once ended within {stopwatch.elapsed():.1f} s")
    assert Counter(order.state for order in placed) == {CONFIRMED: 10, REJECTED: 90}
    assert {order.rejection_reason for order in placed if order.state == REJECTED} == {
        pb.Order.REJECTION_REASON_INSUFFICIENT_STOCK
    }
    assert await shop.stock(TEN_PIECES) == (0, 0)
    for order in placed:
        sold = order.state == CONFIRMED
        assert shop.payment_states(order.name) == ["CAPTURED"] * sold
        assert shop.shipment_states(order.name) == ["BOOKED"] * sold


async def test_fifty_equal_requests_at_once_create_one_order_and_get_the_same_reply(shop: Shop) -> None:
    before = await shop.stock("p-0065")
    request = cart(customer=f"customers/{new_id()}", to=BERLIN, p_0065=1)
    replies = await asyncio.gather(*(shop.place(request) for _ in range(50)))
    assert replies[0].state == CONFIRMED
    assert all(reply == replies[0] for reply in replies)
    assert await shop.orders(request.customer) == [replies[0]]
    assert await shop.stock("p-0065") == (before[0] - 1, before[1])
    assert shop.payment_states(replies[0].name) == ["CAPTURED"]
    assert shop.shipment_states(replies[0].name) == ["BOOKED"]
