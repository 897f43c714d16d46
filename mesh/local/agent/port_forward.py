"""`kubectl port-forward`, and what istioctl does with it: TCP connections to a Pod, as SPDY frames in a WebSocket."""

import asyncio
import os
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from aiohttp import WSMsgType, web

from mesh.local.agent import spdy
from mesh.local.agent.images import GRPC_PORT
from mesh.local.agent.sandbox import SOCKET, Sandbox

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
ADMIN_PORT = 15000
"""The port of Envoy's admin API, in a cluster. Here it differs from Pod to Pod."""
CHUNK_BYTES = 2**15


async def serve(request: web.Request, sandbox: Sandbox) -> web.StreamResponse:
    """Forward connections to a Pod until the client leaves."""
    socket = web.WebSocketResponse(protocols=(PROTOCOL,))
    await socket.prepare(request)
    session = _Session(sandbox, socket)
    try:
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                await session.receive(message.data)
    except (spdy.ProtocolError, ConnectionError):
        pass  # the connection is closed below
    finally:
        session.close()
        await socket.close()
    return socket


async def dial(sandbox: Sandbox, port: int) -> tuple[StreamReader, StreamWriter]:
    """Connect to a port of a Pod as if from inside of it, and so to its app instead of its sidecar. Raises OSError."""
    if sandbox.proxied and port == ADMIN_PORT:
        return await asyncio.open_connection("127.0.0.1", sandbox.admin_port)
    if sandbox.meshed and port == GRPC_PORT:
        return await asyncio.open_unix_connection(_app_socket(sandbox))
    return await asyncio.open_connection(sandbox.ip, port)


def _app_socket(sandbox: Sandbox) -> str:
    # Relative: an absolute path could be too long for a socket.
    return os.path.relpath(sandbox.folder / SOCKET)


class _Session:
    """The streams of one WebSocket. A connection is a stream for its data and one for an error, with the same id."""

    def __init__(self, sandbox: Sandbox, socket: web.WebSocketResponse) -> None:
        self._sandbox, self._socket = sandbox, socket
        self._decoder, self._encoder = spdy.Decoder(), spdy.Encoder()
        self._errors: dict[str, int] = {}
        self._writers: dict[int, StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, received: bytes) -> None:
        """Handle bytes from the client. Raises ProtocolError."""
        for frame in self._decoder.feed(received):
            writer = self._writers.get(frame.stream)
            if frame.kind == spdy.SYN_STREAM:
                await self._open(frame)
            elif frame.kind == spdy.PING:
                await self._socket.send_bytes(spdy.pong(frame))
            elif frame.kind == spdy.RST_STREAM and writer:
                writer.close()
            elif frame.kind == spdy.DATA and writer:
                with suppress(ConnectionError, RuntimeError):  # the Pod has closed its side
                    writer.write(frame.payload)
                    await writer.drain()
                    if frame.final:
                        writer.write_eof()

    def close(self) -> None:
        """Close all connections."""
        for writer in self._writers.values():
            writer.close()
        for task in self._tasks:
            task.cancel()

    async def _open(self, frame: spdy.Frame) -> None:
        await self._socket.send_bytes(self._encoder.accept(frame.stream))
        request = frame.headers.get("requestid", "")
        if frame.headers.get("streamtype") == "error":
            self._errors[request] = frame.stream
            return
        error, number = self._errors.pop(request, 0), frame.headers.get("port", "")
        if not error or not number.isdecimal():
            raise spdy.ProtocolError("a connection needs a stream for errors and a port")
        port = int(number)
        try:
            reader, writer = await dial(self._sandbox, port)
        except OSError as failure:
            text = f"error forwarding port {port} to pod {self._sandbox.name}: {failure}"
            await self._end(frame.stream, error, text)
            return
        self._writers[frame.stream] = writer
        task = asyncio.create_task(self._send(frame.stream, error, reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, stream: int, error: int, reader: StreamReader) -> None:
        """Send what the Pod sends, until it closes the connection."""
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._socket.send_bytes(spdy.data(stream, chunk))
            await self._end(stream, error)
        if writer := self._writers.pop(stream, None):
            writer.close()

    async def _end(self, stream: int, error: int, text: str = "") -> None:
        await self._socket.send_bytes(spdy.data(error, text.encode(), final=True))
        await self._socket.send_bytes(spdy.data(stream, final=True))
