"""Events of either release through a real Kafka: consumers of both releases take turns, and each event counts once."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from shop.notifications.v1 import notifications_pb2
from shop.orders.v1 import orders_pb2 as pb
from tests.compatibility.conftest import Beside
from tests.services.conftest import CALLEES
from tests.services.consumers import effects, start_consumers, wait_until_consumed
from tests.services.harness import Process, targets
from tests.services.kafka import Broker
from tests.services.shop import Shop, cart, eventually

TOPIC = "shop.orders.v1.events"
Letter = notifications_pb2.Notification
PER_SALE = 3


@dataclass(frozen=True)
class Seller:
    """orders of one release, whose events go to Kafka, and a client of it."""

    orders: Process
    shop: Shop

    async def sell(self) -> list[pb.Order]:
        """Have an order of every end, and their events in Kafka."""
        kept, undone, nothing = [
            await self.shop.ended((await self.shop.place(wish)).name)
            for wish in (cart(p_0001=2), cart(p_0001=2), cart(p_0199=1))
        ]
        made = [kept, await self.shop.ended((await self.shop.cancel(undone.name)).name), nothing]
        async for attempt in eventually():
            with attempt:
                assert self.orders.events()["outbox"]["waiting"] == 0
        return made


@pytest.fixture
async def sellers(beside: Beside, broker: Broker) -> AsyncIterator[list[Seller]]:
    """Give both releases' orders, each with callees of its own."""
    async with AsyncExitStack() as stack:
        found = []
        for name, release in beside.releases.items():
            callees = [beside.shop(name)[callee] for callee in CALLEES["orders"]]
            env = {**targets(*callees), **broker.environment}
            orders = beside.start(release.tree)("orders", env, folder=f"orders-{name}")
            shop = Shop(orders, *callees[1:])
            stack.push_async_callback(shop.close)
            found.append(Seller(orders, shop))
        yield found


def told(order: pb.Order) -> list[int]:
    """Answer what there is to be told of an order, up to its end."""
    end = {
        pb.Order.STATE_CONFIRMED: [Letter.KIND_ORDER_CONFIRMED],
        pb.Order.STATE_CANCELLED: [Letter.KIND_ORDER_CONFIRMED, Letter.KIND_ORDER_CANCELLED],
        pb.Order.STATE_REJECTED: [Letter.KIND_ORDER_REJECTED],
    }
    return [Letter.KIND_ORDER_PLACED, *end[order.state]]


async def assert_counted_once(consumers: dict[str, Process], orders: list[pb.Order]) -> None:
    """Assert that the consumers know of these orders, each once, and of no other."""
    found = await effects(consumers)
    letters = [(letter.order, letter.kind) for letter in found["notifications"]]
    assert sorted(letters) == sorted((order.name, kind) for order in orders for kind in told(order))
    sales = [(sale.order, pb.Order.State.Value(sale.State.Name(sale.state)), sale.total) for sale in found["sales"]]
    assert sorted(sales, key=str) == sorted(((order.name, order.state, order.total) for order in orders), key=str)
    pieces = Counter({"asked": 0, "sold": 0, "missed": 0})
    for demand in found["demands"]:
        pieces += Counter(asked=demand.asked, sold=demand.sold, missed=demand.missed)
    times = len(orders) // PER_SALE
    assert pieces == Counter(asked=5 * times, sold=2 * times, missed=1 * times)


async def test_each_event_counts_once_whichever_release_tells_it_and_whichever_takes_it(
    beside: Beside, broker: Broker, sellers: list[Seller]
) -> None:
    sold = [order for seller in sellers for order in await seller.sell()]
    # This release takes over from the one before; and is taken back.
    for release in ("previous", "this", "previous"):
        # Each begins with the first event, on the databases that the other has left.
        consumers = start_consumers(beside.start(beside.releases[release].tree), broker)
        await wait_until_consumed(consumers, len(broker.records(TOPIC)))
        await assert_counted_once(consumers, sold)
        sold += [order for seller in sellers for order in await seller.sell()]
        await wait_until_consumed(consumers, len(broker.records(TOPIC)))
        await assert_counted_once(consumers, sold)
        for consumer in consumers.values():
            consumer.stop()
