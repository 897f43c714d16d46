"""The runtime around each call, as a caller sees it: errors, statuses on the wire, deadlines, traces, the log."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.services.probe import ASK, SECRET, ask, stream
from tests.support.errors import refused
from tests.support.processes import Process, records
from tests.support.starters import Start

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# gRPC rounds a timeout up when it encodes it.
ROUNDING_SECONDS = 0.5
TRACEPARENT = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)


@pytest.fixture
def probe(shared: Callable[[str], Process]) -> Process:
    return shared("probe")


@pytest.fixture
async def channel(probe: Process) -> AsyncIterator[grpc.aio.Channel]:
    async with probe.channel() as opened:
        yield opened


def text(value: str) -> StringValue:
    return StringValue(value=value)


async def test_the_text_of_an_unexpected_error_is_only_in_the_log_where_its_id_finds_it(
    probe: Process, channel: grpc.aio.Channel
) -> None:
    call = ask(channel)(text("fail"), metadata=TRACEPARENT)
    error = await refused(call)
    assert (error.code, error.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert re.fullmatch("internal error [0-9a-f]{32}", error.text)
    assert SECRET not in f"{error}{await call.trailing_metadata()}"
    (record,) = await records(probe, error_id=error.metadata["error_id"])
    assert record["trace_id"] == TRACE
    assert SECRET in str(record["exception"])


async def test_an_error_is_a_single_headers_frame_as_the_mesh_requires(probe: Process) -> None:
    assert await headers_frames(probe, b"\n\x04fail") == [("END_STREAM", 0)]


async def test_a_response_is_headers_then_data_then_trailers(probe: Process) -> None:
    assert await headers_frames(probe, b"\n\x02ok") == [("", 0), ("END_STREAM", 1)]


async def headers_frames(probe: Process, message: bytes) -> list[tuple[str, int]]:
    """Call over raw HTTP/2. Return for each HEADERS frame whether it ends the stream, and the DATA frames before it."""

    def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    def header(name: bytes, value: bytes) -> bytes:
        return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value

    headers = header(b":method", b"POST") + header(b":scheme", b"http") + header(b":path", ASK.encode())
    headers += (
        header(b":authority", b"probe") + header(b"te", b"trailers") + header(b"content-type", b"application/grpc")
    )
    reader, writer = await asyncio.open_unix_connection(probe.target.removeprefix("unix:"))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 4, 1, headers))
    writer.write(frame(0, 1, 1, b"\0" + len(message).to_bytes(4, "big") + message))
    seen: list[tuple[str, int]] = []
    data = 0
    while not seen or not seen[-1][0]:
        head = await asyncio.wait_for(reader.readexactly(9), 20)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags = head[3], head[4]
        data += kind == 0
        if kind == 1:
            seen.append(("END_STREAM" if flags & 1 else "", data))
    writer.close()
    return seen


async def test_a_stream_that_fails_ends_with_the_same_error(channel: grpc.aio.Channel) -> None:
    call = stream(channel)(text("fail"))
    assert (await call.read()) == text("begin")
    error = await refused(call.read())
    assert (error.code, error.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert SECRET not in error.text


async def test_bytes_that_are_no_message_are_an_invalid_argument(channel: grpc.aio.Channel) -> None:
    error = await refused(channel.unary_unary(ASK, bytes)(b"\xff\xff\xff"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")


@pytest.mark.parametrize("method", [ask, stream], ids=["unary", "stream"])
async def test_a_request_that_breaks_its_contract_reaches_no_servicer(
    channel: grpc.aio.Channel, method: Callable[..., Any]
) -> None:
    call = method(channel)(text("forbidden"))
    error = await refused(call if isinstance(call, Awaitable) else call.read())
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == ["value"]
    assert error.text == "value must not be in list [forbidden]"


async def test_a_message_above_the_limit_is_refused(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(channel)(text("x" * 1024 * 1024))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_unknown_method_is_unimplemented(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/probe.v1.Probe/Nothing", bytes)(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_each_call_has_one_line_in_the_log(probe: Process, channel: grpc.aio.Channel) -> None:
    trace = "0" * 31 + "1"
    await ask(channel)(text("x"), metadata=(("traceparent", f"00-{trace}-00f067aa0ba902b7-01"),))
    (record,) = await records(probe, trace_id=trace)
    assert (record["method"], record["code"], record["service"]) == (ASK, "OK", "probe")
    assert isinstance(record["duration_ms"], float)
    assert record["level"] == "INFO"


async def test_a_call_that_its_caller_cancels_is_logged_as_cancelled(probe: Process, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(channel)(text("wait/30"), timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await records(probe, method=ASK, code="CANCELLED")


async def test_the_deadline_and_the_trace_reach_the_peer(start: Start) -> None:
    peer = start("probe", folder="peer")
    caller = start("probe", {"PEER_TARGET": peer.target})
    async with caller.channel() as channel:
        remaining = (await ask(channel)(text("peer/deadline"), timeout=10, metadata=TRACEPARENT)).value
        assert 8 < float(remaining) < 10 + ROUNDING_SECONDS
        streamed = (await ask(channel)(text("peer-stream/deadline"), timeout=10)).value
        assert 8 < float(streamed) < 10 + ROUNDING_SECONDS
        assert (await ask(channel)(text("peer/deadline"))).value == "None"
    (record,) = await records(peer, trace_id=TRACE)
    (before,) = await records(caller, trace_id=TRACE)
    assert record["span_id"] != before["span_id"]


async def test_a_call_of_a_peer_is_cancelled_at_the_deadline_of_the_caller(start: Start) -> None:
    peer = start("probe", folder="peer")
    caller = start("probe", {"PEER_TARGET": peer.target})
    async with caller.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(channel)(text("peer/wait/30"), timeout=0.5)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await records(peer, method=ASK, code="CANCELLED")


async def test_a_call_is_unavailable_if_its_peer_is_unreachable(start: Start) -> None:
    caller = start("probe", {"PEER_TARGET": "unix:missing.sock"})
    async with caller.channel() as channel:
        error = await refused(ask(channel)(text("peer/x")))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_FAILED")
    assert "missing.sock" not in error.text


async def test_other_errors_of_a_peer_are_internal_errors(start: Start) -> None:
    caller = start("probe", {"PEER_TARGET": start("probe", folder="peer").target})
    async with caller.channel() as channel:
        assert (await refused(ask(channel)(text("peer/fail")))).code == grpc.StatusCode.INTERNAL


async def test_a_call_through_a_sidecar_names_the_callee(start: Start) -> None:
    """The egress listener selects the service by the authority only."""
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def sidecar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\4\0\0\0\0\0")  # an empty SETTINGS frame: headers follow it
        while data := await reader.read(4096):
            received.put_nowait(data)
        writer.close()

    async with await asyncio.start_server(sidecar, "127.0.0.1") as server:
        address = ":".join(map(str, server.sockets[0].getsockname()))
        caller = start("probe", {"GRPC_EGRESS": address, "POD_NAMESPACE": "elsewhere"})
        async with caller.channel() as channel:
            call = ask(channel)(text("peer/x"))
            sent = b""
            while b"peer.elsewhere.svc.cluster.local" not in sent:
                sent += await asyncio.wait_for(received.get(), 20)
            call.cancel()
