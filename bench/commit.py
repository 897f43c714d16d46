"""What a commit costs, and how many reservations a second go through inventory, on each database beside a bare commit.

    .venv/bin/python bench/commit.py

A bare commit is 4 KiB appended to a file and brought to the disk with fdatasync. All runs in TMPDIR, on one disk, turn
by turn; the medians of the rounds are printed. Rates are the machine's; costs in bare commits can be compared.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from services.payments.domain import Payment, State
from services.payments.store import Store
from services.runtime.database import Database, open_database
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from tests.services.databases import Databases, SQLiteFiles
from tests.services.harness import ROOT, Process
from tests.services.postgresql import MISSING, Server, programs

ROUNDS, SECONDS = 5, 1.0
CALLERS = 8
BLOCK = bytes(4096)
BARE = "bare commit"

Work = Callable[[], Awaitable[None]]


async def main() -> None:
    """Measure everything, round by round, and print the medians."""
    found = programs()
    if found is None:
        sys.exit(MISSING)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(found)
        stack.callback(server.close)
        file = os.open(folder / "bare", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

        async def bare() -> None:
            os.write(file, BLOCK)
            os.fdatasync(file)

        works: list[tuple[str, int, Work]] = [(BARE, 1, bare)]
        kinds: dict[str, Databases] = {"SQLite": SQLiteFiles(), "PostgreSQL": server}
        for name, databases in kinds.items():
            payment = await payments(stack, databases.url(folder / "payments", "payments"))
            reservation = await inventory(stack, folder / name, databases)
            works += [(f"{name}: a payment written", callers, payment) for callers in (1, CALLERS)]
            works += [(f"{name}: a reservation held and released", callers, reservation) for callers in (1, CALLERS)]
        rates: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(ROUNDS):
            for name, callers, work in works:
                rates[name, callers].append(await rate(work, callers))
    one = statistics.median(rates[BARE, 1])
    print(f"{'':45} callers  per second  cost in bare commits")
    for (name, callers), measured in rates.items():
        median = statistics.median(measured)
        print(f"{name:45} {callers:7}  {median:10.0f}  {one / median:20.2f}")


async def rate(work: Work, callers: int) -> float:
    """Answer how often a second `work` is done while so many callers do it, each again and again."""
    end = time.perf_counter() + SECONDS
    done = 0

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work()
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return done / (time.perf_counter() - begin)


async def payments(stack: AsyncExitStack, url: str) -> Work:
    """Answer what writes one row in one transaction: little else than the commit."""
    database: Database = await open_database(url, ROOT / "services" / "payments" / "migrations")
    stack.push_async_callback(database.close)

    async def write() -> None:
        now = datetime.now(UTC)
        async with database.write(shared=True) as connection:
            await Store(connection).add(Payment(str(uuid.uuid4()), State.CAPTURED, 100, "EUR", "orders/1", now, now))

    return write


async def inventory(stack: AsyncExitStack, folder: Path, databases: Databases) -> Work:
    """Answer what makes two calls of an inventory process, each a transaction: for one of 40 products in turn."""
    process = Process("inventory", folder, {"DATABASE_URL": databases.url(folder, "inventory")})
    stack.callback(process.stop)
    channel = await stack.enter_async_context(process.wait_ready().channel())
    stub = inventory_pb2_grpc.InventoryServiceStub(channel)
    count = 0

    async def reserve() -> None:
        nonlocal count
        count += 1
        line = inventory_pb2.ReservationLine(product=f"products/p-{count % 40 + 102:04}", quantity=1)
        request = inventory_pb2.ReserveStockRequest(request_id=str(uuid.uuid4()), lines=[line])
        name = (await stub.ReserveStock(request)).reservation.name
        await stub.ReleaseReservation(inventory_pb2.ReleaseReservationRequest(request_id=str(uuid.uuid4()), name=name))

    return reserve


if __name__ == "__main__":
    asyncio.run(main())
