"""A cancelled call ends everywhere: at each callee behind it, and in each span."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.services.collector import Collector, collect_spans
from tests.services.probe import ASK, STREAM, ask, stream
from tests.support.clock import eventually
from tests.support.databases import Databases
from tests.support.processes import Process, records
from tests.support.starters import starter

HOPS = 4
# A span for each hop's server, and for each hop's call of the next one.
SPANS = 2 * HOPS - 1


@dataclass(frozen=True)
class Chain:
    """Services that each call the next one. `first` is the one to call, `last` the one that does the work."""

    processes: list[Process]
    collector: Collector


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Chain]:
    with collect_spans() as collector:
        starters = starter(tmp_path_factory.mktemp("chain"), storage)
        start = next(starters)
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        processes: list[Process] = []
        for number in range(HOPS):
            target = {"PEER_TARGET": processes[0].target} if processes else {}
            processes.insert(0, start("probe", {**env, **target}, folder=str(number)))
        yield Chain(processes, collector)
        next(starters, None)


def ended_spans(chain: Chain, trace: str) -> list[Span]:
    """Return the spans of a trace that have ended."""
    return [span for span in chain.collector.spans if span.trace_id.hex() == trace]


def code_of(span: Span) -> int:
    """Return the status of a span's call."""
    return next(item.value.int_value for item in span.attributes if item.key == "rpc.grpc.status_code")


@pytest.mark.parametrize(
    ("method", "path", "hop", "trace"),
    [(ask, ASK, "peer", "1" * 32), (stream, STREAM, "peer-stream", "2" * 32)],
    ids=["unary", "stream"],
)
async def test_a_cancellation_crosses_four_hops(
    chain: Chain, method: Callable[..., Any], path: str, hop: str, trace: str
) -> None:
    command = "/".join([*[hop] * (HOPS - 1), "wait", "600"])
    async with chain.processes[0].channel() as channel:
        call = method(channel)(StringValue(value=command), metadata=[("traceparent", f"00-{trace}-{'1' * 16}-01")])
        await records(chain.processes[-1], message="waiting", trace_id=trace)
        call.cancel()
        for process in chain.processes:
            await records(process, method=path, code="CANCELLED", trace_id=trace)
        async for attempt in eventually():
            with attempt:
                assert len(ended_spans(chain, trace)) == SPANS
    assert {(code_of(span), span.status.code) for span in ended_spans(chain, trace)} == {
        (grpc.StatusCode.CANCELLED.value[0], Status.STATUS_CODE_ERROR)
    }


async def test_a_stream_that_is_cancelled_while_a_response_is_sent_ends_without_an_error(chain: Chain) -> None:
    trace = "3" * 32
    first = chain.processes[0]
    async with first.channel() as channel:
        call = stream(channel)(StringValue(value="flood"), metadata=[("traceparent", f"00-{trace}-{'1' * 16}-01")])
        for _ in range(3):
            await call.read()
        call.cancel()
        await records(first, method=STREAM, code="CANCELLED", trace_id=trace)
        async for attempt in eventually():
            with attempt:
                assert [code_of(span) for span in ended_spans(chain, trace)] == [grpc.StatusCode.CANCELLED.value[0]]
    assert [record for record in first.log() if record["level"] == "ERROR"] == []


async def test_the_span_of_a_call_has_its_status(chain: Chain) -> None:
    trace = "4" * 32
    metadata = [("traceparent", f"00-{trace}-{'1' * 16}-01")]
    async with chain.processes[0].channel() as channel:
        await ask(channel)(StringValue(value="peer/x"), metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(channel)(StringValue(value="peer/forbidden"), metadata=metadata)
        async for attempt in eventually():
            with attempt:
                assert len(ended_spans(chain, trace)) == 6
    codes = {(span.kind, code_of(span)) for span in ended_spans(chain, trace)}
    assert codes >= {(Span.SPAN_KIND_CLIENT, grpc.StatusCode.OK.value[0])}
    assert codes >= {(Span.SPAN_KIND_CLIENT, grpc.StatusCode.INVALID_ARGUMENT.value[0])}
