"""The text of a scrape, and the measurements behind it."""

import asyncio
from collections.abc import Iterable, Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from services.runtime.metrics import CallMetrics, Distribution, Metrics, gauge
from services.runtime.metrics.registry import CHUNK_LINES


def read(text: str) -> dict[str, list[float]]:
    """Return the values of each family in a scrape."""
    return {family.name: [sample.value for sample in family.samples] for family in text_string_to_metric_families(text)}


class Many:
    """More samples than one chunk has."""

    def collect(self) -> Iterator[Metric]:
        """Return one family."""
        yield gauge("many", "Numbers.", "number", {str(number): number for number in range(2 * CHUNK_LINES + 1)})


class Broken:
    """A collector with a bug."""

    def collect(self) -> Iterable[Metric]:
        """Raise."""
        raise LookupError


async def test_a_family_is_written_once_however_many_samples_it_has() -> None:
    metrics = Metrics()
    metrics.register(Many())
    text = await metrics.render()
    assert read(text)["many"] == [*range(2 * CHUNK_LINES + 1)]
    assert text.count("# TYPE many gauge") == 1


async def test_other_tasks_run_while_a_scrape_is_written() -> None:
    metrics = Metrics()
    metrics.register(Many())
    scrape, steps = asyncio.create_task(metrics.render()), 0
    while not scrape.done():
        steps += 1
        await asyncio.sleep(0)
    assert steps > 2


async def test_a_collector_that_raises_costs_only_its_own_metrics(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    metrics.register(Broken())
    metrics.register(Many())
    assert "many" in read(await metrics.render())
    assert 'metrics_failures_total{source="Broken"} 1.0' in await metrics.render()
    assert "LookupError" in caplog.text


async def test_a_measurement_runs_once_at_a_time_and_its_result_is_kept() -> None:
    runs = 0

    async def measure() -> Iterable[Metric]:
        nonlocal runs
        runs += 1
        return [GaugeMetricFamily("measured", "Runs.", runs)]

    metrics = Metrics()
    metrics.measure("test", measure)
    assert [read(text)["measured"] for text in await asyncio.gather(metrics.render(), metrics.render())] == [[1], [1]]
    assert read(await metrics.render())["measured"] == [1]


async def test_a_measurement_that_is_running_is_stopped_at_the_end() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def measure() -> Iterable[Metric]:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return []

    metrics = Metrics()
    metrics.measure("test", measure)
    scrape = asyncio.create_task(metrics.render())
    await started.wait()
    await metrics.close()
    await scrape
    assert ended.is_set()


def test_a_value_on_a_bound_is_in_the_bucket_of_the_bound() -> None:
    distribution, family = Distribution((1, 2)), HistogramMetricFamily("values", "Values.", labels=["kind"])
    for value in (0.5, 1, 1.5, 2, 3):
        distribution.observe(value)
    distribution.add_to(family, ["test"])
    assert [(sample.labels.get("le"), sample.value) for sample in family.samples] == [
        ("1.0", 2),
        ("2.0", 4),
        ("+Inf", 5),
        (None, 5),
        (None, 8.0),
    ]


def test_a_call_is_in_progress_until_it_ends() -> None:
    calls = CallMetrics()
    method = calls.of("/shop.Service/Method")
    method.start()
    (_, active) = calls.collect()
    assert [sample.value for sample in active.samples] == [1]
    method.end("CANCELLED", 0.1)
    (_, active) = calls.collect()
    assert [sample.value for sample in active.samples] == [0]
