"""How a call ends: a cancelled one everywhere, at each callee behind it, and each span has the outcome."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.services.collector import Collector, attributes_of, collect_spans
from tests.services.probe import ASK, SECRET, STREAM, ask, stream
from tests.support.clock import eventually
from tests.support.databases import Databases
from tests.support.processes import Process, records
from tests.support.starters import starter

HOPS = 4
# A span for each hop's server, and for each hop's call of the next one.
SPANS = 2 * HOPS - 1
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


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
        processes: list[Process] = []
        for number in range(HOPS):
            target = {"PEER_TARGET": processes[0].target} if processes else {}
            processes.insert(0, start("probe", {**collector.environment, **target}, folder=str(number)))
        yield Chain(processes, collector)
        next(starters, None)


def outcomes(chain: Chain, trace: str) -> list[tuple[int, str, str]]:
    """Return the kind, the status and the error of each call of a trace that has ended; "" is no error."""
    found = []
    for span in chain.collector.trace(trace):
        attributes = attributes_of(span)
        error = str(attributes.get("error.type", ""))
        assert (span.status.code == Status.STATUS_CODE_ERROR) == bool(error)
        found.append((span.kind, str(attributes["rpc.response.status_code"]), error))
    return sorted(found)


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
                assert len(chain.collector.trace(trace)) == SPANS
    # A server is not to blame for a caller that leaves.
    assert set(outcomes(chain, trace)) == {(SERVER, "CANCELLED", ""), (CLIENT, "CANCELLED", "CANCELLED")}


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
                assert outcomes(chain, trace) == [(SERVER, "CANCELLED", "")]
    assert [record for record in first.log() if record["level"] == "ERROR"] == []


@pytest.mark.parametrize(
    ("command", "trace", "spans"),
    [
        ("peer/x", "4" * 32, [(SERVER, "OK", ""), (SERVER, "OK", ""), (CLIENT, "OK", "")]),
        (
            "peer/forbidden",
            "5" * 32,
            [
                (SERVER, "INTERNAL", "INTERNAL"),
                (SERVER, "INVALID_ARGUMENT", ""),
                (CLIENT, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
            ],
        ),
        (
            "peer/fail",
            "6" * 32,
            [(SERVER, "INTERNAL", "INTERNAL"), (SERVER, "INTERNAL", "INTERNAL"), (CLIENT, "INTERNAL", "INTERNAL")],
        ),
    ],
)
async def test_the_span_of_a_call_has_its_status(
    chain: Chain, command: str, trace: str, spans: list[tuple[int, str, str]]
) -> None:
    async with chain.processes[0].channel() as channel:
        call = ask(channel)(StringValue(value=command), metadata=[("traceparent", f"00-{trace}-{'1' * 16}-01")])
        assert (await call.code() is grpc.StatusCode.OK) == (command == "peer/x")
    async for attempt in eventually():
        with attempt:
            assert outcomes(chain, trace) == spans
    assert SECRET not in str(chain.collector.received)
