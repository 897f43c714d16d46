"""Measures how fast one process of catalog responds at rising CPU use, for the target of the autoscalers.

    .venv/bin/python -m bench.capacity

Calls arrive at random times, at rising rates. An app is one Python process: it cannot use more than one core (1000m).
Each row is the fastest of some rounds, because other work on the machine can only make it slower.
"""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.support.processes import Process

RATES = (200, 400, 600, 800, 1000, 1200, 1400, 1600)
ROUNDS, SECONDS = 5, 2.0
Row = tuple[float, float, float, float]
REQUEST = catalog_pb2.GetProductRequest(name="products/p-0001")


async def main() -> None:
    """Print a row for each rate."""
    with tempfile.TemporaryDirectory() as folder:
        process = Process("catalog", Path(folder))
        try:
            process.wait_ready()
            async with process.channel() as channel:
                stub = catalog_pb2_grpc.CatalogServiceStub(channel)
                print("calls a second    CPU   median      p99")
                for rate in RATES:
                    rounds = [await measure(stub, psutil.Process(process.popen.pid), rate) for _ in range(ROUNDS)]
                    p99, median, cpu, achieved = min(rounds)
                    print(f"{achieved:14.0f} {cpu:5.0f}m {1000 * median:5.1f} ms {1000 * p99:5.1f} ms")
        finally:
            process.stop()


async def measure(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub", process: psutil.Process, rate: int) -> Row:
    """Send calls at a rate. Return the p99 and the median in seconds, the CPU use in millicores and the rate."""
    seconds: list[float] = []

    async def call() -> None:
        started = time.perf_counter()
        await stub.GetProduct(REQUEST)
        seconds.append(time.perf_counter() - started)

    before, start = sum(process.cpu_times()[:2]), time.perf_counter()
    due = start
    async with asyncio.TaskGroup() as calls:
        while due < start + SECONDS:
            due += random.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            calls.create_task(call())
    elapsed = time.perf_counter() - start
    cpu = 1000 * (sum(process.cpu_times()[:2]) - before) / elapsed
    return statistics.quantiles(seconds, n=100)[98], statistics.median(seconds), cpu, len(seconds) / elapsed


if __name__ == "__main__":
    asyncio.run(main())
