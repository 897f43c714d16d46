"""All events delivered twice, and then all over again from the first one: each has had its effect once."""

from collections.abc import AsyncIterator

import pytest

from tests.services.conftest import Shared, Start
from tests.services.consumers import effects, have_taken, started
from tests.services.harness import targets
from tests.services.kafka import Broker, headers_of
from tests.services.shop import CANCELLED, CONFIRMED, REJECTED, Shop, cart, patiently

TOPIC = "shop.orders.v1.events"


@pytest.fixture
async def told(start: Start, shared: Shared, broker: Broker) -> AsyncIterator[None]:
    """Have orders of every end, and their events in Kafka."""
    callees = [shared(name) for name in ("catalog", "inventory", "payments", "shipping")]
    orders = start("orders", {**targets(*callees), **broker.environment})
    shop = Shop(orders, *callees[1:])
    for _ in range(3):
        order = await shop.place(cart(p_0001=2))
        assert order.state == CONFIRMED
    assert (await shop.cancel(order.name)).state == CANCELLED
    assert (await shop.place(cart(p_0199=1))).state == REJECTED, "p-0199 is sold out"
    async for attempt in patiently():
        with attempt:
            assert orders.events()["outbox"]["waiting"] == 0
    yield
    await shop.close()


@pytest.mark.usefixtures("told")
async def test_whatever_is_delivered_again_has_no_effect_again(start: Start, broker: Broker) -> None:
    consumers = started(start, broker)
    all_of_them = broker.records(TOPIC)
    await have_taken(consumers, len(all_of_them))
    once = await effects(consumers)
    assert all(once.values())

    broker.send(TOPIC, *((bytes(r.key() or b""), bytes(r.value() or b""), headers_of(r)) for r in all_of_them))
    await have_taken(consumers, 2 * len(all_of_them))
    assert await effects(consumers) == once

    for consumer in consumers.values():
        consumer.stop()
    consumers = started(start, broker)
    await have_taken(consumers, 2 * len(all_of_them))
    assert await effects(consumers) == once
