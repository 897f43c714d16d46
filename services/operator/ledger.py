"""The proof that the books balance: they are read until they do, or for as long as is given."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from services.operator.checks import BOOKS, Inquiry, Result
from services.operator.domain import Books
from services.operator.telling import all_checks
from services.runtime import Background

# An order may take so long to end: the saga's own promise.
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 2.0
MOST_SHOWN = 20


class Ledger:
    """Reads the books again and again. What offends at the end is what the last reading found."""

    def __init__(self, read: Callable[[], Awaitable[Books]], patience: float) -> None:
        self._read = read
        self._patience = patience
        self._known: frozenset[str] | None = None

    async def prove(self, background: Background) -> tuple[Inquiry, Sequence[Result]]:
        """Answer the last reading with its results: the first one that nothing offends, or that of the end."""
        proved: asyncio.Future[tuple[Inquiry, Sequence[Result]]] = asyncio.get_running_loop().create_future()
        ends = monotonic() + self._patience

        async def look() -> None:
            if proved.done():
                return
            try:
                # What begins after its time is over is a full reading all the same.
                late = monotonic() >= ends
                inquiry, results = await self._look()
            except Exception as error:  # noqa: BLE001  # it is raised where `prove` is awaited
                proved.set_exception(error)
            else:
                if late or not any(result.offences for result in results):
                    proved.set_result((inquiry, results))

        background.repeat(PAUSE_SECONDS, look)
        return await proved

    async def _look(self) -> tuple[Inquiry, Sequence[Result]]:
        books = await self._read()
        if self._known is None:
            self._known = frozenset(books.after)
        inquiry = Inquiry.of(books, self._known)
        return inquiry, all_checks(inquiry, BOOKS)


def report(inquiry: Inquiry, results: Sequence[Result]) -> str:
    """Tell of the results: a line for each check, then the rows that offend."""
    lines = [f"{'FAILS' if result.offences else 'holds':6} {result.check:14} {result.figures}" for result in results]
    judged, others = len(inquiry.judged), len(inquiry.others)
    if inquiry.books.told is None:
        lines.append("       no check of what was told: KAFKA_BOOTSTRAP_SERVERS is not set")
    for result in results:
        lines += [
            f"{result.check}: {o.name}: expected {o.expected}; found {o.found}" for o in result.offences[:MOST_SHOWN]
        ]
        if len(result.offences) > MOST_SHOWN:
            lines.append(f"{result.check}: and {len(result.offences) - MOST_SHOWN:,} more")
    offences = sum(len(result.offences) for result in results)
    verdict = f"the books do not balance: {offences:,} offences" if offences else "the books balance"
    later = f"; {others:,} are under way or came later" if others else ""
    return "\n".join([*lines, f"{verdict}; {judged:,} orders judged{later}"])
