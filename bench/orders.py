"""Measures orders, reservations and payments per second on each database, compared with a bare commit.

    make bench

A bare commit appends 4 KiB to a file and calls fdatasync. The services are real processes, without the mesh and without
Kafka. Everything runs in TMPDIR on one disk, in turns. The output is the median of the rounds. Rates depend on the
machine; README.md explains the costs in bare commits.
"""

import asyncio
import statistics
import sys
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

from bench.workloads import Workload, bare_commit, payment, rate, shop
from tests.support.databases import Databases, SQLiteFiles
from tests.support.postgresql import MISSING, Server, programs

ROUNDS, ROUND_SECONDS = 5, 1.0
CALLERS = (1, 8)
BARE = "bare commit"


async def main() -> None:
    """Measure all workloads in rounds, and print the medians."""
    postgresql = programs()
    if postgresql is None:
        sys.exit(MISSING)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(postgresql)
        stack.callback(server.close)
        backends: dict[str, Databases] = {"SQLite": SQLiteFiles(), "PostgreSQL": server}
        workloads: list[tuple[str, int, Workload]] = [(BARE, 1, bare_commit(stack, folder / "bare"))]
        for name, databases in backends.items():
            pay = await payment(stack, databases.url(folder / "alone" / name, "payments"))
            reserve, order = await shop(stack, folder / name, databases)
            labelled = {
                "a payment written": pay,
                "a reservation held and released": reserve,
                "an order confirmed": order,
            }
            workloads += [(f"{name}: {label}", callers, run) for label, run in labelled.items() for callers in CALLERS]
        rates: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(ROUNDS):
            for name, callers, run in workloads:
                rates[name, callers].append(await rate(run, callers, ROUND_SECONDS))
    bare_rate = statistics.median(rates[BARE, 1])
    print(f"{'':45} callers  per second  cost in bare commits")
    for (name, callers), measured in rates.items():
        median = statistics.median(measured)
        print(f"{name:45} {callers:7}  {median:10.0f}  {bare_rate / median:20.2f}")


if __name__ == "__main__":
    asyncio.run(main())
