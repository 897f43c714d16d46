"""What holding a request against the rules of its contract costs.

    .venv/bin/python bench/validation.py

Times are the machine's; the medians of the rounds are printed.
"""

import statistics
import time

from google.protobuf.message import Message

from services.runtime.rpc import InvalidFieldsError
from services.runtime.rpc.server import MAX_MESSAGE_BYTES
from services.runtime.rpc.validation import compile_rules, validate
from shop.catalog.v1 import catalog_pb2
from shop.orders.v1 import orders_pb2

ROUNDS, SECONDS = 5, 0.2


def order(*items: orders_pb2.PlaceOrderItem) -> orders_pb2.PlaceOrderRequest:
    """Make a request that keeps the rules if its items do."""
    return orders_pb2.PlaceOrderRequest(
        request_id="3f0c",
        customer="customers/ada",
        items=items,
        payment_token="tok_visa",  # noqa: S106  # the simulated card processor's
    )


def item(number: int, quantity: int = 1) -> orders_pb2.PlaceOrderItem:
    """Make an item of an order."""
    return orders_pb2.PlaceOrderItem(product=f"products/p-{number:04}", quantity=quantity)


REQUESTS: dict[str, Message] = {
    "a name": catalog_pb2.GetProductRequest(name="products/p-0001"),
    "an order of 3 items": order(*map(item, range(3))),
    "an order of 50 items": order(*map(item, range(50))),
    "an order of 3 items, all wrong": order(*(item(number, 0) for number in range(3))),
    # An empty item takes 2 bytes on the wire, and breaks two rules.
    "the worst that fits into a message": order(*[orders_pb2.PlaceOrderItem()] * (MAX_MESSAGE_BYTES // 2 - 64)),
}


def judge(request: Message) -> None:
    """Hold a request against its rules; whether it keeps them is all the same."""
    try:
        validate(request)
    except InvalidFieldsError:
        return


def seconds(request: Message) -> float:
    """Measure one round: how long a judgement takes."""
    start, count = time.process_time(), 0
    while time.process_time() < start + SECONDS:
        judge(request)
        count += 1
    return (time.process_time() - start) / count


def main() -> None:
    """Measure everything and print it."""
    start = time.process_time()
    compile_rules(["shop.orders.v1.OrdersService", "shop.catalog.v1.CatalogService"])
    print(f"{'the rules of orders and catalog, compiled once':<48} {(time.process_time() - start) * 1e3:9.1f} ms")
    for name, request in REQUESTS.items():
        took = statistics.median(seconds(request) for _ in range(ROUNDS))
        print(f"{name:<48} {took * 1e6:9.1f} µs")


if __name__ == "__main__":
    main()
