"""All events are delivered twice, then all again from the first one: each takes effect once."""

from collections.abc import AsyncIterator

import pytest

from tests.support.clock import eventually
from tests.support.consumers import effects, start_consumers, wait_until_consumed
from tests.support.kafka import Broker, headers_of
from tests.support.processes import targets
from tests.support.shop import CANCELLED, CONFIRMED, REJECTED, Shop, cart
from tests.support.starters import Shared, Start

TOPIC = "shop.orders.v1.events"


@pytest.fixture
async def published_orders(start: Start, shared: Shared, broker: Broker) -> AsyncIterator[None]:
    """Place orders that end in every state, and wait until their events are in Kafka."""
    callees = [shared(name) for name in ("catalog", "inventory", "payments", "shipping")]
    orders = start("orders", {**targets(*callees), **broker.environment})
    shop = Shop(orders, *callees[1:])
    for _ in range(3):
        order = await shop.place(cart(p_0001=2))
        assert order.state == CONFIRMED
    assert (await shop.cancel(order.name)).state == CANCELLED
    assert (await shop.place(cart(p_0199=1))).state == REJECTED, "p-0199 is sold out"
    async for attempt in eventually():
        with attempt:
            assert orders.events()["outbox"]["waiting"] == 0
    yield
    await shop.close()


@pytest.mark.prove
@pytest.mark.usefixtures("published_orders")
async def test_an_event_that_is_delivered_again_has_no_second_effect(start: Start, broker: Broker) -> None:
    consumers = start_consumers(start, broker)
    events = broker.records(TOPIC)
    await wait_until_consumed(consumers, len(events))
    expected = await effects(consumers)
    assert all(expected.values())

    broker.send(TOPIC, *((bytes(r.key() or b""), bytes(r.value() or b""), headers_of(r)) for r in events))
    await wait_until_consumed(consumers, 2 * len(events))
    assert await effects(consumers) == expected

    for consumer in consumers.values():
        consumer.stop()
    consumers = start_consumers(start, broker)
    await wait_until_consumed(consumers, 2 * len(events))
    assert await effects(consumers) == expected
