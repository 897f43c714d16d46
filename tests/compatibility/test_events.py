"""Events of both releases through a real Kafka: consumers of both releases take turns, and each event counts once."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from shop.notifications.v1 import notifications_pb2
from shop.orders.v1 import orders_pb2 as pb
from tests.compatibility.conftest import TwoReleases
from tests.support.clock import eventually
from tests.support.consumers import effects, start_consumers, wait_until_consumed
from tests.support.databases import query
from tests.support.kafka import Broker
from tests.support.processes import Process, targets
from tests.support.shop import Shop, cart
from tests.support.starters import CALLEES

TOPIC = "shop.orders.v1.events"
Notification = notifications_pb2.Notification
ORDERS_PER_SALE = 3


@dataclass(frozen=True)
class Seller:
    """The service orders of one release, which publishes to Kafka, and its client."""

    orders: Process
    shop: Shop

    async def sell(self) -> list[pb.Order]:
        """Place an order for every final state, wait until their events are in Kafka, and return the orders."""
        confirmed, to_cancel, rejected = [
            await self.shop.ended((await self.shop.place(request)).name)
            for request in (cart(p_0001=2), cart(p_0001=2), cart(p_0199=1))
        ]
        orders = [confirmed, await self.shop.ended((await self.shop.cancel(to_cancel.name)).name), rejected]
        async for attempt in eventually():
            with attempt:
                assert self.orders.events()["outbox"]["waiting"] == 0
        return orders


@pytest.fixture
async def sellers(two_releases: TwoReleases, broker: Broker) -> AsyncIterator[list[Seller]]:
    """Yield the service orders of both releases, each with the callees of its release."""
    async with AsyncExitStack() as stack:
        sellers = []
        for name, release in two_releases.releases.items():
            callees = [two_releases.shop(name)[callee] for callee in CALLEES["orders"]]
            env = {**targets(*callees), **broker.environment}
            orders = two_releases.start(release.tree)("orders", env, folder=f"orders-{name}")
            shop = Shop(orders, *callees[1:])
            stack.push_async_callback(shop.close)
            sellers.append(Seller(orders, shop))
        yield sellers


def expected_kinds(order: pb.Order) -> list[int]:
    """Return the kinds of notifications for an order in its final state."""
    kinds = {
        pb.Order.STATE_CONFIRMED: [Notification.KIND_ORDER_CONFIRMED],
        pb.Order.STATE_CANCELLED: [Notification.KIND_ORDER_CONFIRMED, Notification.KIND_ORDER_CANCELLED],
        pb.Order.STATE_REJECTED: [Notification.KIND_ORDER_REJECTED],
    }
    return [Notification.KIND_ORDER_PLACED, *kinds[order.state]]


async def assert_counted_once(consumers: dict[str, Process], orders: list[pb.Order]) -> None:
    """Assert that the consumers have counted these orders, each once, and no others."""
    found = await effects(consumers)
    notifications = [(notification.order, notification.kind) for notification in found["notifications"]]
    assert sorted(notifications) == sorted((order.name, kind) for order in orders for kind in expected_kinds(order))
    sales = [(sale.order, pb.Order.State.Value(sale.State.Name(sale.state)), sale.total) for sale in found["sales"]]
    assert sorted(sales, key=str) == sorted(((order.name, order.state, order.total) for order in orders), key=str)
    pieces = Counter({"asked": 0, "sold": 0, "missed": 0})
    for demand in found["demands"]:
        pieces += Counter(asked=demand.asked, sold=demand.sold, missed=demand.missed)
    times = len(orders) // ORDERS_PER_SALE
    assert pieces == Counter(asked=5 * times, sold=2 * times, missed=1 * times)


@pytest.mark.prove
async def test_each_event_counts_once_for_any_pair_of_releases(
    two_releases: TwoReleases, broker: Broker, sellers: list[Seller]
) -> None:
    sold = [order for seller in sellers for order in await seller.sell()]
    # This release replaces the previous one, and is rolled back.
    for release in ("previous", "this", "previous"):
        # Each release consumes from the first event on, with the databases of the release before.
        consumers = start_consumers(two_releases.start(two_releases.releases[release].tree), broker)
        await wait_until_consumed(consumers, len(broker.records(TOPIC)))
        await assert_counted_once(consumers, sold)
        sold += [order for seller in sellers for order in await seller.sell()]
        await wait_until_consumed(consumers, len(broker.records(TOPIC)))
        await assert_counted_once(consumers, sold)
        for name, consumer in consumers.items():
            consumer.stop()
            forget_newer_migrations(consumer, two_releases.releases["previous"].tree / "services" / name)


def forget_newer_migrations(consumer: Process, service: Path) -> None:
    """Set the version of a consumer's database to the newest that the service of an older release knows.

    The previous release refuses to start on a database with a newer version; later ones accept it.
    """
    newest = max(file.stem.partition("_")[0] for file in (service / "migrations").glob("[0-9]*.py"))
    query(
        consumer.database_url,
        "UPDATE alembic_version SET version_num = :newest WHERE version_num > :newest",
        newest=newest,
    )
