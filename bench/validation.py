"""Measures the time to validate a request with the rules of its contract.

    .venv/bin/python -m bench.validation

The output is the median of the rounds. Times depend on the machine.
"""

import statistics
import time

from google.protobuf.message import Message

from services.runtime.rpc import InvalidFieldsError
from services.runtime.rpc.server import MAX_MESSAGE_BYTES
from services.runtime.rpc.validation import compile_rules, validate
from shop.catalog.v1 import catalog_pb2
from shop.orders.v1 import orders_pb2

ROUNDS, ROUND_SECONDS = 5, 0.2


def order(*items: orders_pb2.PlaceOrderItem) -> orders_pb2.PlaceOrderRequest:
    """Create a request that is valid if its items are."""
    return orders_pb2.PlaceOrderRequest(
        request_id="3f0c",
        customer="customers/ada",
        items=items,
        payment_token="tok_visa",  # noqa: S106  # a test token
    )


def item(number: int, quantity: int = 1) -> orders_pb2.PlaceOrderItem:
    """Create an item of an order."""
    return orders_pb2.PlaceOrderItem(product=f"products/p-{number:04}", quantity=quantity)


REQUESTS: dict[str, Message] = {
    "a name": catalog_pb2.GetProductRequest(name="products/p-0001"),
    "an order of 3 items": order(*map(item, range(3))),
    "an order of 50 items": order(*map(item, range(50))),
    "an order of 3 items, all invalid": order(*(item(number, 0) for number in range(3))),
    # An empty item takes 2 bytes on the wire and violates two rules.
    "the largest invalid order": order(*[orders_pb2.PlaceOrderItem()] * (MAX_MESSAGE_BYTES // 2 - 64)),
}


def check(request: Message) -> None:
    """Validate a request, and ignore the result."""
    try:
        validate(request)
    except InvalidFieldsError:
        return


def seconds_per_check(request: Message) -> float:
    """Run one round and return the seconds per validation."""
    start, count = time.process_time(), 0
    while time.process_time() < start + ROUND_SECONDS:
        check(request)
        count += 1
    return (time.process_time() - start) / count


def main() -> None:
    """Measure all requests, and print the medians."""
    start = time.process_time()
    compile_rules(["shop.orders.v1.OrdersService", "shop.catalog.v1.CatalogService"])
    print(f"{'the rules of orders and catalog, compiled once':<48} {(time.process_time() - start) * 1e3:9.1f} ms")
    for name, request in REQUESTS.items():
        seconds = statistics.median(seconds_per_check(request) for _ in range(ROUNDS))
        print(f"{name:<48} {seconds * 1e6:9.1f} µs")


if __name__ == "__main__":
    main()
