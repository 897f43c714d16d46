"""The demand for products follows from the events of orders, each counted once, and holds no order up."""

import uuid
from collections.abc import Mapping

from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import events_pb2, orders_pb2
from tests.services.conftest import Start
from tests.services.harness import Process, targets
from tests.services.kafka import Broker
from tests.services.shop import CANCELLED, CONFIRMED, REJECTED, Shop, cart, patiently

TOPIC = "shop.orders.v1.events"
Told = events_pb2.OrderPlaced | events_pb2.OrderConfirmed | events_pb2.OrderRejected | events_pb2.OrderCancelled


async def demands(inventory: Process) -> dict[str, tuple[int, int, int]]:
    """Answer what was asked for, sold and missed of every product."""
    found, token = {}, ""
    async with inventory.channel() as channel:
        stub = inventory_pb2_grpc.InventoryServiceStub(channel)
        while True:
            reply = await stub.ListDemands(inventory_pb2.ListDemandsRequest(page_size=100, page_token=token))
            found.update({demand.product: (demand.asked, demand.sold, demand.missed) for demand in reply.demands})
            if not (token := reply.next_page_token):
                return found


async def has(inventory: Process, product: str, *counts: int) -> None:
    """Wait until so many pieces of a product were asked for, sold and missed."""
    async for attempt in patiently():
        with attempt:
            assert (await demands(inventory)).get(f"products/{product}") == counts


def of(pieces: Mapping[str, int], token: str = "tok_visa") -> orders_pb2.PlaceOrderRequest:  # noqa: S107  # no password
    """Ask for so many pieces of each product."""
    request = cart(token=token)
    for product, quantity in pieces.items():
        request.items.add(product=f"products/{product}", quantity=quantity)
    return request


def tell(broker: Broker, message: Told, product: str, identity: str = "", **order: object) -> None:
    """Have Kafka carry an event of an order over three pieces of a product."""
    item = orders_pb2.OrderItem(product=product, quantity=3)
    message.order.MergeFrom(orders_pb2.Order(name="orders/o-1", items=[item], **order))  # type: ignore[arg-type]
    headers = {
        "ce_id": (identity or str(uuid.uuid4())).encode(),
        "ce_type": message.DESCRIPTOR.full_name.encode(),
        "ce_time": b"2026-01-01T00:00:00+00:00",
    }
    broker.send(TOPIC, (b"o-1", message.SerializeToString(), headers))


async def test_orders_are_counted_as_asked_for_sold_and_missed(start: Start, broker: Broker) -> None:
    callees = [start(name) for name in ("catalog", "payments", "shipping")]
    inventory = start("inventory", broker.environment)
    orders = start("orders", {**targets(inventory, *callees), **broker.environment})
    # Kafka keeps what was ordered before, with the other kind of database.
    product = "p-0151" if "sqlite" in inventory.database_url else "p-0152"
    shop = Shop(orders, inventory, *callees[1:])
    assert (await shop.place(of({product: 2}))).state == CONFIRMED
    kept = await shop.place(of({product: 1}))
    assert (await shop.place(of({product: 3, "p-0199": 1}))).state == REJECTED, "p-0199 is sold out"
    assert (await shop.place(of({product: 4}, token="tok_declined"))).state == REJECTED  # noqa: S106  # no password
    await has(inventory, product, 10, 3, 3)
    assert (await shop.cancel(kept.name)).state == CANCELLED
    await has(inventory, product, 10, 2, 3)
    await shop.close()


async def test_an_event_that_comes_twice_or_out_of_sequence_counts_once(start: Start, broker: Broker) -> None:
    inventory = start("inventory", broker.environment)
    product = str(uuid.uuid4())
    name, twice = f"products/{product}", str(uuid.uuid4())
    tell(broker, events_pb2.OrderCancelled(), name)
    tell(broker, events_pb2.OrderPlaced(), name, twice)
    tell(broker, events_pb2.OrderPlaced(), name, twice)
    tell(broker, events_pb2.OrderConfirmed(), name)
    lacking = orders_pb2.Order.REJECTION_REASON_INSUFFICIENT_STOCK
    tell(broker, events_pb2.OrderRejected(), name, rejection_reason=lacking)
    await has(inventory, product, 3, 0, 3)


async def test_the_demand_is_counted_by_two_processes_together(start: Start, broker: Broker) -> None:
    both = [start("inventory", broker.environment, at=name, data="both") for name in ("one", "two")]
    product = str(uuid.uuid4())
    for _ in range(50):
        tell(broker, events_pb2.OrderPlaced(), f"products/{product}")
    await has(both[0], product, 150, 0, 0)
