"""The workloads of the benchmark: a bare commit, and operations of the services."""

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from services.payments.domain import Payment, State
from services.payments.store import Store
from services.runtime.storage.database import open_database
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from tests.support.checkout import ROOT
from tests.support.databases import Databases
from tests.support.processes import Process, targets
from tests.support.shop import BERLIN, CONFIRMED, cart

if TYPE_CHECKING:
    from services.runtime.storage import Database

BLOCK = bytes(4096)
# Orders use this many products in turn, so that concurrent callers rarely use the same one.
PRODUCTS = 40
INITIAL_PIECES = 100_000
CALLEES = ("catalog", "inventory", "payments", "shipping")

Workload = Callable[[], Awaitable[None]]


async def rate(run: Workload, callers: int, seconds: float) -> float:
    """Run a workload repeatedly with concurrent callers, and return the completed runs per second."""
    end = time.perf_counter() + seconds
    done = 0

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await run()
            done += 1

    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return done / (time.perf_counter() - start)


def bare_commit(stack: AsyncExitStack, path: Path) -> Workload:
    """Return a workload that appends 4 KiB to a file and calls fdatasync."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    stack.callback(os.close, file)

    async def commit() -> None:
        os.write(file, BLOCK)
        os.fdatasync(file)

    return commit


async def payment(stack: AsyncExitStack, url: str) -> Workload:
    """Return a workload that writes one row in one transaction, which is little more than a commit."""
    database: Database = await open_database(url, ROOT / "services" / "payments" / "migrations")
    stack.push_async_callback(database.close)

    async def write() -> None:
        now = datetime.now(UTC)
        async with database.write(shared=True) as connection:
            await Store(connection).add(Payment(str(uuid.uuid4()), State.CAPTURED, 100, "EUR", "orders/1", now, now))

    return write


async def shop(stack: AsyncExitStack, folder: Path, databases: Databases) -> tuple[Workload, Workload]:
    """Start the five services of an order, and return two workloads.

    The first one creates and releases a reservation (two calls, two transactions). The second one places an order.
    """

    def start(name: str, env: dict[str, str]) -> Process:
        path = folder / name
        process = Process(name, path, {"DATABASE_URL": databases.url(path, name), **env})
        stack.callback(process.stop)
        return process

    callees = {name: start(name, {}) for name in CALLEES}
    orders = start("orders", targets(*callees.values()))
    for process in (*callees.values(), orders):
        process.wait_ready()
    channels = [await stack.enter_async_context(process.channel()) for process in (callees["inventory"], orders)]
    inventory = inventory_pb2_grpc.InventoryServiceStub(channels[0])
    shop = orders_pb2_grpc.OrdersServiceStub(channels[1])
    for number in range(PRODUCTS):
        name = f"stocks/{_product(number)}"
        request = inventory_pb2.ReceiveStockRequest(request_id=str(uuid.uuid4()), name=name, pieces=INITIAL_PIECES)
        await inventory.ReceiveStock(request)
    reserved, ordered = count(), count()

    async def reserve() -> None:
        line = inventory_pb2.ReservationLine(product=f"products/{_product(next(reserved))}", quantity=1)
        request = inventory_pb2.ReserveStockRequest(request_id=str(uuid.uuid4()), lines=[line])
        name = (await inventory.ReserveStock(request)).reservation.name
        release = inventory_pb2.ReleaseReservationRequest(request_id=str(uuid.uuid4()), name=name)
        await inventory.ReleaseReservation(release)

    async def order() -> None:
        request = cart(to=BERLIN)
        request.items.add(product=f"products/{_product(next(ordered))}", quantity=1)
        placed = (await shop.PlaceOrder(request)).order
        if placed.state != CONFIRMED:
            raise RuntimeError(f"{placed.name} is {orders_pb2.Order.State.Name(placed.state)}")

    return reserve, order


def _product(number: int) -> str:
    return f"p-{number % PRODUCTS + 102:04}"
