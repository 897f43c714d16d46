"""An HTTP/1.1 port for GET and HEAD, one request per connection. aiohttp would take 110 ms of each start to import."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import h11

READ_BYTES = 4096

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Response:
    """A response: its status, its body and the type of its body."""

    status: HTTPStatus
    body: str = ""
    content_type: str = "text/plain"


Respond = Callable[[str], Awaitable[Response]]


class HttpPort:
    """Listens on one address and calls `respond` with the path of each request. An exception becomes status 500."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    async def start(self, host: str | None, port: int) -> None:
        """Listen on `host:port`, on all addresses if `host` is None. Raises OSError if that is not possible."""
        self._server = await asyncio.start_server(self._serve, host, port)

    async def stop(self) -> None:
        """Close the port and its connections."""
        if self._server is not None:
            self._server.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for mypy: a running coroutine has a task
        self._connections.add(task)
        try:
            writer.write(await self._exchange(reader))
            await writer.drain()
        except ConnectionError:
            pass  # the client is gone
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader) -> bytes:
        """Read a request and return the bytes of its response; none if the client closes the connection instead."""
        connection = h11.Connection(h11.SERVER)
        try:
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(READ_BYTES))
        except h11.RemoteProtocolError as error:
            return _encode(connection, Response(HTTPStatus(error.error_status_hint), f"{error}\n"))
        if not isinstance(event, h11.Request):
            return b""
        if event.method not in {b"GET", b"HEAD"}:
            return _encode(connection, Response(HTTPStatus.METHOD_NOT_ALLOWED), ("Allow", "GET, HEAD"))
        path = event.target.partition(b"?")[0].decode("ascii")
        try:
            response = await self._respond(path)
        except Exception:
            logger.exception("no response", extra={"path": path})
            response = Response(HTTPStatus.INTERNAL_SERVER_ERROR)
        return _encode(connection, response, has_body=event.method != b"HEAD")


def _encode(connection: h11.Connection, response: Response, *headers: tuple[str, str], has_body: bool = True) -> bytes:
    body = response.body.encode()
    head = h11.Response(
        status_code=response.status,
        reason=response.status.phrase,
        headers=[
            ("Content-Type", f"{response.content_type}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
            *headers,
        ],
    )
    parts = (connection.send(head), connection.send(h11.Data(data=body)) if has_body else b"")
    return b"".join(part for part in parts if part)
