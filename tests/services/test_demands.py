"""The demand for products is counted from the events of orders, each event once."""

import uuid
from collections.abc import Mapping

import pytest

from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import events_pb2, orders_pb2
from tests.support.clock import eventually
from tests.support.kafka import Broker
from tests.support.processes import Process, targets
from tests.support.shop import CANCELLED, CONFIRMED, REJECTED, Shop, cart
from tests.support.starters import Start

TOPIC = "shop.orders.v1.events"
OrderEvent = events_pb2.OrderPlaced | events_pb2.OrderConfirmed | events_pb2.OrderRejected | events_pb2.OrderCancelled


async def demands(inventory: Process) -> dict[str, tuple[int, int, int]]:
    """Return the pieces asked, sold and missed by product."""
    counts, token = {}, ""
    async with inventory.channel() as channel:
        stub = inventory_pb2_grpc.InventoryServiceStub(channel)
        while True:
            reply = await stub.ListDemands(inventory_pb2.ListDemandsRequest(page_size=100, page_token=token))
            counts.update({demand.product: (demand.asked, demand.sold, demand.missed) for demand in reply.demands})
            if not (token := reply.next_page_token):
                return counts


async def wait_for_demand(inventory: Process, product: str, *counts: int) -> None:
    """Wait until the demand for a product is these numbers of pieces asked, sold and missed."""
    async for attempt in eventually():
        with attempt:
            assert (await demands(inventory)).get(f"products/{product}") == counts


def order_of(pieces: Mapping[str, int], token: str = "tok_visa") -> orders_pb2.PlaceOrderRequest:  # noqa: S107  # no password
    """Build a request for so many pieces of each product."""
    request = cart(token=token)
    for product, quantity in pieces.items():
        request.items.add(product=f"products/{product}", quantity=quantity)
    return request


def publish(broker: Broker, message: OrderEvent, product: str, event_id: str = "", **order: object) -> None:
    """Publish an event of an order for three pieces of a product."""
    item = orders_pb2.OrderItem(product=product, quantity=3)
    message.order.MergeFrom(orders_pb2.Order(name="orders/o-1", items=[item], **order))  # type: ignore[arg-type]
    headers = {
        "ce_id": (event_id or str(uuid.uuid4())).encode(),
        "ce_type": message.DESCRIPTOR.full_name.encode(),
        "ce_time": b"2026-01-01T00:00:00+00:00",
    }
    broker.send(TOPIC, (b"o-1", message.SerializeToString(), headers))


async def test_orders_are_counted_as_ordered_sold_and_missed(start: Start, broker: Broker) -> None:
    callees = [start(name) for name in ("catalog", "payments", "shipping")]
    inventory = start("inventory", broker.environment)
    orders = start("orders", {**targets(inventory, *callees), **broker.environment})
    # Kafka still has the events of this test's run on the other database, so each run uses its own product.
    product = "p-0151" if "sqlite" in inventory.database_url else "p-0152"
    shop = Shop(orders, inventory, *callees[1:])
    assert (await shop.place(order_of({product: 2}))).state == CONFIRMED
    confirmed = await shop.place(order_of({product: 1}))
    assert (await shop.place(order_of({product: 3, "p-0199": 1}))).state == REJECTED, "p-0199 is sold out"
    assert (await shop.place(order_of({product: 4}, token="tok_declined"))).state == REJECTED  # noqa: S106  # no password
    await wait_for_demand(inventory, product, 10, 3, 3)
    assert (await shop.cancel(confirmed.name)).state == CANCELLED
    await wait_for_demand(inventory, product, 10, 2, 3)
    await shop.close()


async def test_an_event_that_arrives_twice_or_out_of_order_counts_once(start: Start, broker: Broker) -> None:
    inventory = start("inventory", broker.environment)
    product = str(uuid.uuid4())
    name, event_id = f"products/{product}", str(uuid.uuid4())
    publish(broker, events_pb2.OrderCancelled(), name)
    publish(broker, events_pb2.OrderPlaced(), name, event_id)
    publish(broker, events_pb2.OrderPlaced(), name, event_id)
    publish(broker, events_pb2.OrderConfirmed(), name)
    reason = orders_pb2.Order.REJECTION_REASON_INSUFFICIENT_STOCK
    publish(broker, events_pb2.OrderRejected(), name, rejection_reason=reason)
    await wait_for_demand(inventory, product, 3, 0, 3)


@pytest.mark.prove
async def test_two_processes_count_the_demand_together(start: Start, broker: Broker) -> None:
    both = [start("inventory", broker.environment, folder=name, data_folder="both") for name in ("one", "two")]
    product = str(uuid.uuid4())
    for _ in range(50):
        publish(broker, events_pb2.OrderPlaced(), f"products/{product}")
    await wait_for_demand(both[0], product, 150, 0, 0)
