"""The works that a benchmark repeats: a bare commit, and what services make of one."""

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
from tests.services.databases import Databases
from tests.services.harness import ROOT, Process, targets
from tests.services.shop import BERLIN, CONFIRMED, cart

if TYPE_CHECKING:
    from services.runtime.storage import Database

BLOCK = bytes(4096)
# So many products in turn, so that callers seldom meet at one.
PRODUCTS = 40
PLENTY = 100_000
CALLEES = ("catalog", "inventory", "payments", "shipping")

Work = Callable[[], Awaitable[None]]


async def rate(work: Work, callers: int, seconds: float) -> float:
    """Answer how often a second `work` is done while so many callers do it, each again and again."""
    end = time.perf_counter() + seconds
    done = 0

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work()
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return done / (time.perf_counter() - begin)


def bare_commit(stack: AsyncExitStack, path: Path) -> Work:
    """Answer what appends 4 KiB to a file and brings them to the disk."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    stack.callback(os.close, file)

    async def commit() -> None:
        os.write(file, BLOCK)
        os.fdatasync(file)

    return commit


async def payment(stack: AsyncExitStack, url: str) -> Work:
    """Answer what writes one row in one transaction: little else than the commit."""
    database: Database = await open_database(url, ROOT / "services" / "payments" / "migrations")
    stack.push_async_callback(database.close)

    async def write() -> None:
        now = datetime.now(UTC)
        async with database.write(shared=True) as connection:
            await Store(connection).add(Payment(str(uuid.uuid4()), State.CAPTURED, 100, "EUR", "orders/1", now, now))

    return write


async def shop(stack: AsyncExitStack, folder: Path, databases: Databases) -> tuple[Work, Work]:
    """Start the five services that an order goes through.

    Answer what holds and releases a reservation (two calls, two transactions), and what has an order confirmed.
    """

    def start(name: str, env: dict[str, str]) -> Process:
        at = folder / name
        process = Process(name, at, {"DATABASE_URL": databases.url(at, name), **env})
        stack.callback(process.stop)
        return process

    callees = {name: start(name, {}) for name in CALLEES}
    orders = start("orders", targets(*callees.values()))
    for process in (*callees.values(), orders):
        process.wait_ready()
    channels = [await stack.enter_async_context(one.channel()) for one in (callees["inventory"], orders)]
    inventory = inventory_pb2_grpc.InventoryServiceStub(channels[0])
    shop = orders_pb2_grpc.OrdersServiceStub(channels[1])
    for number in range(PRODUCTS):
        name = f"stocks/{_product(number)}"
        request = inventory_pb2.ReceiveStockRequest(request_id=str(uuid.uuid4()), name=name, pieces=PLENTY)
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
