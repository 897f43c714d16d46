"""The metrics of a process, and how they become the response to a scrape."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from copy import copy
from time import monotonic

from prometheus_client import REGISTRY, Counter, Metric, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4"
# How long a scrape waits for measurements. What takes longer is part of a later scrape.
MAX_WAIT_SECONDS = 1.0
# A measurement is repeated after this time, so that several scrapers do not multiply its cost,
MIN_AGE_SECONDS = 2.0
# or after a hundred times its duration, so that it takes 1 % of a core,
AGE_PER_DURATION = 100
# but then at the latest, unless it says otherwise.
MAX_AGE_SECONDS = 15.0

# Lines that are written at once: 1 ms, in which no call gets a reply.
CHUNK_LINES = 200

FAILURES = Counter("metrics_failures", "Scrapes that lacked metrics because measuring them failed.", ["source"])

Measure = Callable[[], Awaitable[Iterable[Metric]]]

logger = logging.getLogger(__name__)


class Metrics:
    """The metrics of one process: those of the library's registry, and what is registered here."""

    def __init__(self) -> None:
        self._collectors: list[Collector] = [REGISTRY]
        self._measurements: list[Measurement] = []

    def register(self, collector: Collector) -> None:
        """Serve the metrics that `collector.collect()` returns. It is called for each scrape and must not block."""
        self._collectors.append(collector)

    def measure(self, name: str, measure: Measure, max_age_seconds: float = MAX_AGE_SECONDS) -> None:
        """Serve the metrics that `measure` returns, which may wait, for example for the database.

        A scrape has results that are up to `max_age_seconds` old, if it takes long to measure them.
        If it raises, its metrics are missing until it succeeds again, and metrics_failures_total counts it by `name`.
        """
        self._measurements.append(Measurement(name, measure, max_age_seconds))

    async def render(self) -> str:
        """Return all metrics as text. The event loop serves other tasks in between."""
        tasks = [measurement.start() for measurement in self._measurements if measurement.is_due()]
        if tasks:
            # Those that take longer continue; this scrape has their previous results.
            await asyncio.wait(tasks, timeout=MAX_WAIT_SECONDS)
        texts: list[str] = []
        for collector in (*self._collectors, *self._measurements):
            try:
                for family in collector.collect():
                    for text in _write(family):
                        texts.append(text)
                        await asyncio.sleep(0)
            except Exception:
                FAILURES.labels(type(collector).__name__).inc()
                logger.exception("metrics are missing")
        return "".join(texts)

    async def close(self) -> None:
        """Stop the measurements that are running."""
        await asyncio.gather(*(measurement.stop() for measurement in self._measurements))


class Measurement:
    """Something that is measured for scrapes, once at a time."""

    def __init__(self, name: str, measure: Measure, max_age_seconds: float) -> None:
        self._name = name
        self._measure = measure
        self._max_age_seconds = max_age_seconds
        self._families: Sequence[Metric] = ()
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None
        # There before the first failure: a rate needs a first value of 0.
        FAILURES.labels(name)

    def is_due(self) -> bool:
        """Return whether it is running, or its results are too old."""
        return self._task is not None or monotonic() >= self._due

    def start(self) -> asyncio.Task[None]:
        """Start to measure, unless it is running. Return the task that measures."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return self._task

    async def stop(self) -> None:
        """Stop measuring."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def collect(self) -> Iterable[Metric]:
        """Return what the last measurement found; nothing if it has failed."""
        return self._families

    async def _run(self) -> None:
        start, age = monotonic(), MIN_AGE_SECONDS
        try:
            self._families = [*await self._measure()]
            age = min(max(age, (monotonic() - start) * AGE_PER_DURATION), self._max_age_seconds)
        except Exception as error:  # noqa: BLE001  # a scrape has everything that can be measured
            self._families = ()
            FAILURES.labels(self._name).inc()
            logger.warning(
                "measuring failed", extra={"source": self._name, "error": f"{type(error).__name__}: {error}"}
            )
        finally:
            self._due, self._task = monotonic() + age, None


class _Registry:
    """A registry of one family, for the library's function that writes a registry."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return [self._family]


def _write(family: Metric) -> Iterator[str]:
    """Yield the text of a family in chunks; nothing if it has no samples."""
    for start in range(0, len(family.samples), CHUNK_LINES):
        chunk = copy(family)
        chunk.samples = family.samples[start : start + CHUNK_LINES]
        text = generate_latest(_Registry(chunk)).decode()
        # The first chunk has the two lines about the family.
        yield text if start == 0 else text.split("\n", 2)[2]
