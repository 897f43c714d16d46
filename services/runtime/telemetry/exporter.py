"""The export of spans over OTLP/gRPC: in batches, beside the calls that they describe.

No call waits for it. The queue is bounded, and what a collector does not accept is lost, not sent again: it is counted.
"""

import asyncio
import contextvars
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from services.runtime.config import ConfigError
from services.runtime.telemetry.encoding import Encoder
from services.runtime.telemetry.operations import Attributes, EndedSpan

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
# How long a span waits for others, how many wait at most, and how many are sent together.
DELAY_MS, MAX_QUEUED, BATCH = 500, 8192, 512
# How long a collector may take to accept a batch.
EXPORT_MS = 10_000
# Why spans are lost. Each series begins with 0, or a rate would miss its first value.
REASONS = ("queue_full", "rejected", "shutdown", "UNAVAILABLE", "DEADLINE_EXCEEDED")
OPTIONS = [
    ("grpc.enable_retries", 0),
    # As in rpc/channel.py: an http_proxy in the environment is meant for the internet, not for the mesh.
    ("grpc.enable_http_proxy", 0),
    # gRPC itself would look for a collector that has come back only every two minutes.
    ("grpc.max_reconnect_backoff_ms", 1000),
]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SpanCounts:
    """What became of the spans of this process since its start."""

    exported: int = 0
    lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    """Reason → spans: "queue_full", "rejected", "shutdown", or the name of the gRPC status of the export."""

    def lose(self, reason: str, count: int) -> None:
        """Count lost spans."""
        self.lost[reason] = self.lost.get(reason, 0) + count

    def collect(self) -> Iterator[Metric]:
        """Return the counts as metrics."""
        yield CounterMetricFamily(
            "otel_sdk_exporter_span_exported", "Spans that the collector accepted.", value=self.exported
        )
        lost = CounterMetricFamily("otel_sdk_span_lost", "Spans that no collector accepted.", labels=["reason"])
        for reason, count in self.lost.items():
            lost.add_metric([reason], count)
        yield lost


class Exporter:
    """Sends ended spans to a collector."""

    def __init__(self, environ: Mapping[str, str], endpoint: str, resource: Attributes) -> None:
        """Open a channel to `endpoint`, "http://host:port". Call it in the event loop. Raises ConfigError."""
        self._delay = _number(environ, "OTEL_BSP_SCHEDULE_DELAY", DELAY_MS) / 1000
        self._max_queued = _number(environ, "OTEL_BSP_MAX_QUEUE_SIZE", MAX_QUEUED)
        self._batch = _number(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH)
        self._timeout = _number(environ, "OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT_MS) / 1000
        self._encoder = Encoder(resource)
        self._channel = grpc.aio.insecure_channel(_target(endpoint), options=OPTIONS)
        self._export: grpc.aio.UnaryUnaryMultiCallable[bytes, ExportTraceServiceResponse] = self._channel.unary_unary(
            EXPORT, None, ExportTraceServiceResponse.FromString
        )
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._ended: list[EndedSpan] = []
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fails = False
        self.counts = SpanCounts()

    def add(self, span: EndedSpan) -> None:
        """Export a span soon, or lose it if too many are waiting."""
        if len(self._ended) >= self._max_queued:
            self.counts.lose("queue_full", 1)
            return
        self._ended.append(span)
        if self._timer is None:
            self._timer = self._start_later()

    async def close(self, flush_seconds: float) -> None:
        """Send the spans that are left, for up to `flush_seconds`, and close the channel."""
        if self._timer is not None:
            self._timer.cancel()
        flush = asyncio.create_task(self._flush())
        await asyncio.wait({flush}, timeout=flush_seconds)
        if not flush.done():
            logger.warning("the last spans were not sent: the OTLP endpoint does not respond")
        unsent, self._ended = self._ended, []
        self.counts.lose("shutdown", len(unsent))
        for task in (flush, self._sending):
            if task is not None:
                task.cancel()
        await self._channel.close()

    def _start_later(self) -> asyncio.TimerHandle:
        # Not in the context of the call whose span is added: the export would log with its trace.
        return self._loop.call_later(self._delay, self._start, context=self._context)

    def _start(self) -> None:
        self._sending = asyncio.create_task(self._send())

    async def _flush(self) -> None:
        if self._sending is not None:
            await asyncio.shield(self._sending)
        await self._send()

    async def _send(self) -> None:
        """Send the spans that are waiting now. Those that end in the meantime wait for the next time."""
        waiting = len(self._ended)
        try:
            while waiting > 0:
                size = min(waiting, self._batch)
                batch, self._ended = self._ended[:size], self._ended[size:]
                waiting -= size
                await self._send_batch(batch)
        finally:
            self._timer = self._start_later() if self._ended else None

    async def _send_batch(self, batch: list[EndedSpan]) -> None:
        code, text, rejected = grpc.StatusCode.OK, "", 0
        try:
            response = await self._export(self._encoder.encode(batch), timeout=self._timeout)
            rejected = response.partial_success.rejected_spans
            text = response.partial_success.error_message
        except grpc.aio.AioRpcError as error:
            code, text = error.code(), error.details() or ""
        except asyncio.CancelledError:
            self.counts.lose("shutdown", len(batch))
            raise
        if code is grpc.StatusCode.OK:
            self.counts.exported += len(batch) - rejected
            self.counts.lose("rejected", rejected)
        else:
            self.counts.lose(code.name, len(batch))
        self._log(code is not grpc.StatusCode.OK or rejected > 0, f"{code.name}: {text}")

    def _log(self, fails: bool, reason: str) -> None:  # noqa: FBT001
        """Log when the export begins to fail, and when it succeeds again."""
        if fails and not self._fails:
            logger.warning("spans are lost: the OTLP endpoint does not accept them", extra={"reason": reason})
        elif self._fails and not fails:
            logger.info("spans are exported again", extra={"lost": self.counts.lost})
        self._fails = fails


def _target(endpoint: str) -> str:
    url = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    if url.scheme not in {"", "http"} or not url.netloc:
        raise ConfigError(f"OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint!r} is not of the form http://host:port")
    return url.netloc


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, "").strip() or str(default)
    if not value.isdecimal() or int(value) == 0:
        raise ConfigError(f"{name}: {value!r} is not a positive whole number")
    return int(value)
