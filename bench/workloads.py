"""What the group `orders` repeats: a bare commit, a payment, a reservation and an order."""

import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import grpc.aio

from bench.errors import BenchError
from bench.rounds import Sample
from bench.usage import CpuMeter
from services.payments.domain import Payment, State
from services.payments.store import Store
from services.runtime.storage.database import open_database
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from tests.support.checkout import ROOT
from tests.support.shop import BERLIN, CONFIRMED, cart

BLOCK = bytes(4096)
# Orders use this many products in turn, so that concurrent callers rarely use the same one.
PRODUCTS = 40
INITIAL_PIECES = 100_000

Workload = Callable[[], Awaitable[None]]


async def repeat(run: Workload, callers: int, meter: CpuMeter | None, seconds: float) -> Sample:
    """Run a workload again and again with concurrent callers. Return its rate, durations and processor time."""
    end = time.perf_counter() + seconds
    milliseconds: list[float] = []

    async def call() -> None:
        now = time.perf_counter()
        while now < end:
            await run()
            before, now = now, time.perf_counter()
            milliseconds.append(1000 * (now - before))

    if meter:
        meter.start()
    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    elapsed = time.perf_counter() - start
    used = meter.per_call(len(milliseconds)) if meter else {}
    return {"per second": len(milliseconds) / elapsed, "p50 ms": statistics.median(milliseconds), **used}


def bare_commit(stack: AsyncExitStack, path: Path) -> Workload:
    """Return a workload that appends 4 KiB to a file and calls fdatasync."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    stack.callback(os.close, file)

    async def commit() -> None:
        os.write(file, BLOCK)
        os.fdatasync(file)

    return commit


async def payment(stack: AsyncExitStack, url: str) -> Workload:
    """Return a workload that writes one row in one transaction of this process, which is little more than a commit."""
    database = await open_database(url, ROOT / "services" / "payments" / "migrations")
    stack.push_async_callback(database.close)

    async def write() -> None:
        now = datetime.now(UTC)
        async with database.write(shared=True) as connection:
            await Store(connection).add(Payment(str(uuid.uuid4()), State.CAPTURED, 100, "EUR", "orders/1", now, now))

    return write


async def receive_stock(channel: grpc.aio.Channel) -> None:
    """Receive more pieces of each product than all orders of a run need."""
    inventory = inventory_pb2_grpc.InventoryServiceStub(channel)
    for number in range(PRODUCTS):
        name = f"stocks/{_product(number)}"
        request = inventory_pb2.ReceiveStockRequest(request_id=str(uuid.uuid4()), name=name, pieces=INITIAL_PIECES)
        await inventory.ReceiveStock(request)


def reservation(channel: grpc.aio.Channel) -> Workload:
    """Return a workload that creates and releases a reservation: two calls of inventory, one transaction each."""
    inventory, numbers = inventory_pb2_grpc.InventoryServiceStub(channel), count()

    async def reserve() -> None:
        line = inventory_pb2.ReservationLine(product=f"products/{_product(next(numbers))}", quantity=1)
        request = inventory_pb2.ReserveStockRequest(request_id=str(uuid.uuid4()), lines=[line])
        name = (await inventory.ReserveStock(request)).reservation.name
        release = inventory_pb2.ReleaseReservationRequest(request_id=str(uuid.uuid4()), name=name)
        await inventory.ReleaseReservation(release)

    return reserve


def order(channel: grpc.aio.Channel, customer: str = "customers/ada", token: str = "") -> Workload:
    """Return a workload that places an order, which five services confirm, shipping included."""
    orders, numbers = orders_pb2_grpc.OrdersServiceStub(channel), count()
    metadata = grpc.aio.Metadata(*([("authorization", f"Bearer {token}")] if token else []))

    async def place() -> None:
        request = cart(customer=customer, to=BERLIN)
        request.items.add(product=f"products/{_product(next(numbers))}", quantity=1)
        placed = (await orders.PlaceOrder(request, metadata=metadata)).order
        if placed.state != CONFIRMED:
            raise BenchError(
                f"{placed.name} is {orders_pb2.Order.State.Name(placed.state)}: {placed.rejection_message}"
            )

    return place


def _product(number: int) -> str:
    return f"p-{number % PRODUCTS + 102:04}"
