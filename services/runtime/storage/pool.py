"""The connections of a process to PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from psycopg import AsyncConnection, Error
from psycopg.pq import TransactionStatus

from services.runtime.storage.failures import DatabaseBusyError
from services.runtime.storage.session import Session
from services.runtime.storage.waits import Waits

# Connections per process. The server's max_connections must be enough for all processes.
MAX_CONNECTIONS = 8


class Pool:
    """Up to MAX_CONNECTIONS connections; those that are idle are reused."""

    def __init__(self, arguments: Mapping[str, Any], timeout_seconds: float, idle_seconds: float) -> None:
        """Create it; nothing is opened. `arguments` are those of psycopg.

        A transaction waits `timeout_seconds` for a connection. One that was idle for longer than `idle_seconds` is
        checked before use: a restart of the server or a firewall may have cut it. To check each time would cost a round
        trip per transaction.
        """
        self._arguments = arguments
        self._timeout_seconds = timeout_seconds
        self._idle_seconds = idle_seconds
        self._free = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: list[tuple[Session, float]] = []
        self._in_use = 0
        self.waits = Waits("connection")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Yield a connection; roll back what is not committed after it. Raises DatabaseBusyError if none is free."""
        try:
            with self.waits.wait():
                async with asyncio.timeout(self._timeout_seconds):
                    await self._free.acquire()
        except TimeoutError as error:
            raise DatabaseBusyError from error
        self._in_use += 1
        try:
            session = await self._take()
            try:
                yield session
            finally:
                await self._put_back(session)
        finally:
            self._in_use -= 1
            self._free.release()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of the connections."""
        used = GaugeMetricFamily(
            "storage_connections", "Connections of this process to the database.", labels=["state"]
        )
        used.add_metric(["in_use"], self._in_use)
        used.add_metric(["idle"], len(self._idle))
        yield used
        yield GaugeMetricFamily(
            "storage_connections_limit", "The most connections that this process may have.", MAX_CONNECTIONS
        )

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for session, _ in idle:
            await session.driver.close()

    async def _take(self) -> Session:
        if self._idle:
            session, last_use = self._idle.pop()
            if time.monotonic() - last_use <= self._idle_seconds or await _responds(session.driver):
                return session
            await session.driver.close()
            # What cut this one has probably cut those that were idle for longer.
            await self.close()
        return Session(await AsyncConnection.connect(**self._arguments, autocommit=True))

    async def _put_back(self, session: Session) -> None:
        driver = session.driver
        try:
            if driver.info.transaction_status != TransactionStatus.IDLE:
                await driver.rollback()
        except Error:
            # The server has ended it, or is gone: see below.
            await driver.close()
        except BaseException:
            await driver.close()
            raise
        if driver.closed:
            await self.close()
        else:
            self._idle.append((session, time.monotonic()))


async def _responds(driver: AsyncConnection) -> bool:
    try:
        await driver.execute("")
    except Error:
        return False
    return True
