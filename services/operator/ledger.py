"""The ledger: reads the records of all services until they agree, or until the time is over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from services.operator.checks import CheckResult, Snapshot
from services.operator.domain import Records
from services.operator.event_checks import EVENT_CHECKS
from services.operator.record_checks import RECORD_CHECKS
from services.runtime import Background

# The orders service promises that an order ends within this time.
DEFAULT_TIMEOUT_SECONDS = 60.0
READ_INTERVAL_SECONDS = 2.0
MAX_ROWS_SHOWN = 20


class Ledger:
    """Reads the records repeatedly and checks each reading."""

    def __init__(self, read: Callable[[], Awaitable[Records]], timeout_seconds: float) -> None:
        self._read = read
        self._timeout_seconds = timeout_seconds
        self._initial_orders: frozenset[str] | None = None

    async def run(self, background: Background) -> tuple[Snapshot, Sequence[CheckResult]]:
        """Return the first reading without a mismatch, or the last one before the timeout, with its results."""
        outcome: asyncio.Future[tuple[Snapshot, Sequence[CheckResult]]] = asyncio.get_running_loop().create_future()
        deadline = monotonic() + self._timeout_seconds

        async def check() -> None:
            if outcome.done():
                return
            try:
                # Decided before the reading starts: one that starts in time is not the last one, however long it takes.
                is_last = monotonic() >= deadline
                snapshot, results = await self._check_once()
            except Exception as error:  # noqa: BLE001  # it is raised where `run` is awaited
                outcome.set_exception(error)
            else:
                if is_last or not any(result.mismatches for result in results):
                    outcome.set_result((snapshot, results))

        background.repeat(READ_INTERVAL_SECONDS, check)
        return await outcome

    async def _check_once(self) -> tuple[Snapshot, Sequence[CheckResult]]:
        records = await self._read()
        if self._initial_orders is None:
            self._initial_orders = frozenset(records.orders_after)
        snapshot = Snapshot.of(records, self._initial_orders)
        return snapshot, run_checks(snapshot)


def run_checks(snapshot: Snapshot) -> list[CheckResult]:
    """Run every check; the checks of events only with Kafka."""
    results = [check(snapshot) for check in RECORD_CHECKS]
    event_records = snapshot.records.event_records
    if event_records is not None:
        results += [check(snapshot, event_records) for check in EVENT_CHECKS]
    return results


def format_report(snapshot: Snapshot, results: Sequence[CheckResult]) -> str:
    """Format the results: a line for each check, then the mismatches, then the verdict."""
    lines = [f"{'FAILS' if result.mismatches else 'holds':6} {result.check:14} {result.figures}" for result in results]
    if snapshot.records.event_records is None:
        lines.append("       events are not checked: KAFKA_BOOTSTRAP_SERVERS is not set")
    for result in results:
        lines += [
            f"{result.check}: {mismatch.name}: expected {mismatch.expected}; found {mismatch.actual}"
            for mismatch in result.mismatches[:MAX_ROWS_SHOWN]
        ]
        if len(result.mismatches) > MAX_ROWS_SHOWN:
            lines.append(f"{result.check}: and {len(result.mismatches) - MAX_ROWS_SHOWN:,} more")
    mismatches = sum(len(result.mismatches) for result in results)
    verdict = f"the books do not balance: {mismatches:,} mismatches" if mismatches else "the books balance"
    unchecked = len(snapshot.unchecked)
    not_yet = f"; {unchecked:,} not checked: in progress, or placed after the start" if unchecked else ""
    return "\n".join([*lines, f"{verdict}; {len(snapshot.checked):,} orders checked{not_yet}"])
