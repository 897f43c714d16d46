"""Measures what metrics cost a service: the time per call, and the time and size of a scrape.

    .venv/bin/python -m bench.metrics

The times are processor time, and the shortest of the rounds. They depend on the machine.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from prometheus_client import Histogram

from services.runtime.metrics import CallMetrics, Metrics
from shop.catalog.v1 import catalog_pb2
from shop.orders.v1 import orders_pb2
from shop.orders.v2 import orders_pb2 as orders_v2_pb2

ROUNDS, CALLS = 20, 100_000
FILES = {"catalog": [catalog_pb2], "orders": [orders_pb2, orders_v2_pb2]}
"""The contracts of a service."""
# The codes that the callers of a method usually see.
CODES = ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNAVAILABLE")


def shortest(work: Callable[[], object]) -> float:
    """Return the shortest time that `work` took, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def count_calls() -> None:
    """Count calls, as the interceptor does."""
    method = CallMetrics().of("/shop.catalog.v1.CatalogService/GetProduct")
    for _ in range(CALLS):
        method.start()
        method.end("OK", 0.0013)


def count_with_library() -> None:
    """Count calls with the histogram of prometheus_client."""
    histogram = Histogram("calls", "Calls.", ["method", "code"], registry=None)
    for _ in range(CALLS):
        histogram.labels("shop.catalog.v1.CatalogService/GetProduct", "OK").observe(0.0013)


def create_metrics(files: Iterable[Any]) -> Metrics:
    """Create the metrics of a process whose methods have ended with each of the CODES."""
    calls, metrics = CallMetrics(), Metrics()
    metrics.register(calls)
    for service in [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]:
        for method in service.methods:
            for code in CODES:
                calls.of(f"/{service.full_name}/{method.name}").end(code, 0.0013)
    return metrics


def scrape(metrics: Metrics) -> str:
    """Return the text of a scrape."""
    return asyncio.run(metrics.render())


def main() -> None:
    """Measure all, and print the results."""
    print(f"{'a call':<24} {shortest(count_calls) / CALLS * 1e6:6.2f} µs")
    print(f"{'… with the library':<24} {shortest(count_with_library) / CALLS * 1e6:6.2f} µs")
    for name, files in FILES.items():
        metrics = create_metrics(files)
        size = len(scrape(metrics)) / 1024
        print(f"{'a scrape of ' + name:<24} {shortest(partial(scrape, metrics)) * 1e3:6.2f} ms, {size:.0f} KiB")


if __name__ == "__main__":
    main()
