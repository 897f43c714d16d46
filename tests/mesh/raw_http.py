"""Raw HTTP requests, also invalid ones that no client library would send."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.clock import check_timeout

GRPC = {"content-type": "application/grpc", "te": "trailers"}


@dataclass(frozen=True)
class RawResponse:
    """A response. The status is 0 if the connection was closed without a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def from_service(self) -> bool:
        """Whether the response comes from a service, and not from the gateway itself."""
        return "x-envoy-upstream-service-time" in self.headers


async def send_bytes(
    address: str, request: bytes, tls: ssl.SSLContext | None = None, within: float = 20
) -> RawResponse:
    """Send bytes, and read the response to its end."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(check_timeout(within)):
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            writer.write(request)
            response = await reader.read(-1)
        except ConnectionResetError:  # the gateway closed the connection before the request was complete
            response = b""
        finally:
            writer.close()
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return RawResponse(int(first.split()[1]) if first else 0, headers, body)


async def http_request(  # noqa: PLR0913  # the parts of an HTTP request
    address: str,
    path: str | bytes,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> RawResponse:
    """Send a request over HTTP/1.1, with the path exactly as it is."""
    raw = path.encode() if isinstance(path, str) else path
    sent = {"host": "shop.example", "connection": "close", "content-length": str(len(body))} | (dict(headers or {}))
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return await send_bytes(address, f"{method} ".encode() + raw + f" HTTP/1.1\r\n{lines}\r\n".encode() + body, tls)
