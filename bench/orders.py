"""How many orders a second go through the services, and what a commit costs, on each database beside a bare commit.

    make bench

A bare commit is 4 KiB appended to a file and brought to the disk with fdatasync. The services are real processes,
without the mesh and without Kafka. All runs in TMPDIR, on one disk, turn by turn; what is printed is the median of the
rounds. Rates are the machine's; what costs in bare commits tell, README.md says.
"""

import asyncio
import statistics
import sys
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

from bench.works import Work, bare_commit, payment, rate, shop
from tests.services.databases import Databases, SQLiteFiles
from tests.services.postgresql import MISSING, Server, programs

ROUNDS, SECONDS = 5, 1.0
CALLERS = (1, 8)
BARE = "bare commit"


async def main() -> None:
    """Measure everything, round by round, and print the medians."""
    found = programs()
    if found is None:
        sys.exit(MISSING)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(found)
        stack.callback(server.close)
        kinds: dict[str, Databases] = {"SQLite": SQLiteFiles(), "PostgreSQL": server}
        works: list[tuple[str, int, Work]] = [(BARE, 1, bare_commit(stack, folder / "bare"))]
        for name, databases in kinds.items():
            pay = await payment(stack, databases.url(folder / "alone" / name, "payments"))
            reserve, order = await shop(stack, folder / name, databases)
            told = {"a payment written": pay, "a reservation held and released": reserve, "an order confirmed": order}
            works += [(f"{name}: {what}", callers, work) for what, work in told.items() for callers in CALLERS]
        rates: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(ROUNDS):
            for name, callers, work in works:
                rates[name, callers].append(await rate(work, callers, SECONDS))
    one = statistics.median(rates[BARE, 1])
    print(f"{'':45} callers  per second  cost in bare commits")
    for (name, callers), measured in rates.items():
        median = statistics.median(measured)
        print(f"{name:45} {callers:7}  {median:10.0f}  {one / median:20.2f}")


if __name__ == "__main__":
    asyncio.run(main())
