"""The HTTP of the management port, as its clients see it: probes, and the proxies that fetch published keys."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http.client import HTTPConnection

import pytest

from services.runtime.management import Management
from services.runtime.metrics import Metrics
from tests.support.processes import free_port

GET = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Start a management port, and return its number."""
    management, number = Management(Metrics()), free_port()
    management.report_events("outbox", pending)
    management.publish("/keys", keys)
    management.publish("/broken", broken)
    await management.start("127.0.0.1", number)
    yield number
    await management.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)


async def pending() -> Mapping[str, object]:
    return {"pending": 3}


async def keys() -> Mapping[str, object]:
    return {"keys": ["é"]}


async def broken() -> Mapping[str, object]:
    raise LookupError("no table")


def request(port: int, method: str, path: str) -> tuple[int, str, dict[str, str]]:
    """Return the status, the body and the headers of a response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Connection": "keep-alive"})
    response = connection.getresponse()
    result = response.status, response.read().decode(), dict(response.headers)
    connection.close()
    return result


async def send(port: int, data: bytes) -> bytes:
    """Send bytes, and return what comes back until the port closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    received = await reader.read()
    writer.close()
    return received


@pytest.mark.parametrize(
    ("path", "status", "kind", "body"),
    [
        ("/live", 200, "text/plain", "live\n"),
        ("/ready", 503, "text/plain", "not ready\n"),
        ("/events", 200, "application/json", '{"outbox": {"pending": 3}}'),
        ("/keys", 200, "application/json", '{"keys": ["\\u00e9"]}'),
        ("/keys?kid=1", 200, "application/json", '{"keys": ["\\u00e9"]}'),
        ("/other", 404, "text/plain", ""),
        ("/", 404, "text/plain", ""),
        ("/broken", 500, "text/plain", ""),
    ],
)
async def test_each_path_has_its_response(port: int, path: str, status: int, kind: str, body: str) -> None:
    got, text, headers = await asyncio.to_thread(request, port, "GET", path)
    assert (got, text) == (status, body)
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Connection"] == "close"


async def test_head_returns_the_headers_of_get_and_no_body(port: int) -> None:
    _, body, headers = await asyncio.to_thread(request, port, "GET", "/keys")
    status, nothing, same = await asyncio.to_thread(request, port, "HEAD", "/keys")
    assert (status, nothing) == (200, "")
    assert same["Content-Length"] == headers["Content-Length"] == str(len(body))


async def test_other_methods_are_not_allowed(port: int) -> None:
    status, _, headers = await asyncio.to_thread(request, port, "POST", "/live")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


async def test_an_error_of_a_report_is_logged(port: int, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.to_thread(request, port, "GET", "/broken")
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "no table" in str(record.exc_info)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"SSH-2.0-scan\r\n\r\n", b"400"),
        (b"GET /live HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /live HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 16_400, b"431"),
        (GET[:-2], b"400"),
        (GET.replace(b"1.1", b"1.0"), b"200"),
        (GET + GET, b"200"),
    ],
    ids=["not HTTP", "no host", "large headers", "half of a request", "HTTP/1.0", "two at once"],
)
async def test_a_request_gets_one_response_even_if_it_is_malformed(port: int, data: bytes, status: bytes) -> None:
    received = await send(port, data)
    assert received.startswith(b"HTTP/1.1 " + status)
    assert received.count(b"HTTP/1.1") == 1


async def test_a_client_that_closes_its_connection_gets_nothing(port: int) -> None:
    assert await send(port, b"") == b""
    assert (await send(port, GET)).endswith(b"live\n")


async def test_a_silent_client_delays_neither_others_nor_the_stop(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    assert (await send(port, GET)).endswith(b"live\n")
    # The fixture stops the port while this connection is open.
    assert not writer.is_closing()
