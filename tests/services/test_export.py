"""The export of spans: what a collector does not accept is lost and counted, and nothing waits for it."""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from services.runtime.config import ConfigError
from services.runtime.telemetry import Tracing, current_span, exporter, served_call
from tests.services.collector import collect_spans
from tests.support.clock import eventually
from tests.support.processes import free_port

CALL = served_call("/probe.v1.Probe/Ask")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = [("traceparent", f"00-{TRACE}-{PARENT}-01")]


def make_calls(tracing: Tracing, count: int) -> None:
    """Start and end sampled calls."""

    def call() -> None:
        tracing.end(tracing.start_call(SAMPLED), CALL, "OK", 0.001)

    for _ in range(count):
        contextvars.copy_context().run(call)


async def wait_until(tracing: Tracing, exported: int = 0, **lost: int) -> None:
    """Wait until the metrics count exactly so many exported and lost spans; the lost ones by reason."""
    async for attempt in eventually():
        with attempt:
            counts = {
                sample.labels.get("reason", "exported"): int(sample.value)
                for family in tracing.collect()
                for sample in family.samples
            }
            assert counts == {**dict.fromkeys(exporter.REASONS, 0), "exported": exported, **lost}


@contextmanager
def hanging_collector() -> Iterator[str]:
    """Yield the endpoint of a collector that does not respond until the end of the block."""
    free = Event()

    def respond() -> ExportTraceServiceResponse:
        free.wait()
        return ExportTraceServiceResponse()

    with collect_spans(respond) as collector:
        try:
            yield collector.endpoint
        finally:
            free.set()


async def test_spans_are_sent_in_batches_and_the_last_ones_at_the_end() -> None:
    with collect_spans() as collector:
        tracing = Tracing("probe", "1", {**collector.environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"})
        make_calls(tracing, 25)
        async for attempt in eventually():
            with attempt:
                assert len(collector.spans) == 25
        make_calls(tracing, 3)
        await tracing.close()
        assert [len(process.scope_spans[0].spans) for process in collector.received] == [10, 10, 5, 3]
        await wait_until(tracing, exported=28)
        assert {span.parent_span_id.hex() for span in collector.spans} == {PARENT}


async def test_spans_that_a_collector_rejects_are_lost() -> None:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 2
    with collect_spans(lambda: response) as collector:
        tracing = Tracing("probe", "1", collector.environment)
        make_calls(tracing, 5)
        await wait_until(tracing, exported=3, rejected=2)
        await tracing.close()


async def test_spans_are_lost_while_no_collector_listens_and_arrive_once_one_does() -> None:
    port = free_port()
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_BSP_SCHEDULE_DELAY": "10"}
    tracing = Tracing("probe", "1", environ)
    make_calls(tracing, 3)
    await wait_until(tracing, UNAVAILABLE=3)
    with collect_spans(port=port) as collector:
        async for attempt in eventually():
            with attempt:
                make_calls(tracing, 1)
                assert collector.spans
    await tracing.close()


async def test_spans_are_lost_if_a_collector_does_not_respond() -> None:
    with hanging_collector() as endpoint:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "50",
        }
        tracing = Tracing("probe", "1", environ)
        make_calls(tracing, 6)
        await wait_until(tracing, queue_full=2, DEADLINE_EXCEEDED=4)
        await tracing.close()
        # One is being sent at the end, and the others wait.
        slow = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}
        tracing = Tracing("probe", "1", environ | slow)
        make_calls(tracing, 3)
        await tracing.close(flush_seconds=0.1)
        await wait_until(tracing, shutdown=3)


async def test_work_in_the_background_starts_a_trace_and_what_it_does_is_below() -> None:
    with collect_spans() as collector:
        tracing = Tracing("probe", "1", collector.environment)
        with suppress(ZeroDivisionError), tracing.work("recover order"):
            below = tracing.start()
            assert below is not None
            tracing.end(below, CALL, "OK", 0)
            raise ZeroDivisionError
        assert current_span() is None
        await tracing.close()
    call, work = collector.spans
    assert (work.name, work.parent_span_id, work.trace_id) == ("recover order", b"", call.trace_id)
    assert call.parent_span_id == work.span_id
    assert [each.value.string_value for each in work.attributes] == ["ZeroDivisionError"]


async def test_work_without_an_endpoint_starts_no_trace() -> None:
    tracing = Tracing("probe", "1", {})
    with tracing.work("recover order"):
        assert tracing.start() is None


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4317"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY": "soon"},
    ],
)
async def test_an_invalid_setting_is_reported(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(reversed(environ))):
        Tracing("probe", "1", environ)


async def test_a_disabled_sdk_exports_nothing() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}
    tracing = Tracing("probe", "1", environ)
    assert not tracing.is_exporting
    assert list(tracing.collect()) == []
    await tracing.close()
