"""The edge of the gateway: TLS, browsers, and limits for untrusted clients."""

import asyncio
import ssl
import struct

import grpc
import grpc.aio
import h2.connection
import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh
from tests.mesh.raw_http import GRPC, RawResponse, http_request, send_bytes
from tests.support.clock import Duration, Stopwatch, eventually

PRODUCT, ORDERS = "/v1/products/p-0001", "/v1/orders?customer=customers/me"
GET_PRODUCT, LIST_ORDERS = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/ListOrders"
PAGE_ORIGIN, OTHER_ORIGIN = "https://shop.example", "https://evil.example"
MAX_CONNECTIONS, MAX_STREAMS, MAX_REQUEST_BYTES = 1000, 100, 128 * 1024
HEADERS_SECONDS, REQUEST_SECONDS = 5, 10


def ca_file(mesh: Mesh) -> str:
    """Return the file with the CA of the gateway's certificate."""
    return mesh.environment["MESH_CA"]


async def test_json_and_grpc_work_over_tls(mesh: Mesh) -> None:
    response = await http_request(mesh.tls_gateway, PRODUCT, tls=ssl.create_default_context(cafile=ca_file(mesh)))
    assert (response.status, b"products/p-0001" in response.body) == (200, True)
    with open(ca_file(mesh), "rb") as file:  # noqa: ASYNC230, PTH123  # local
        credentials = grpc.ssl_channel_credentials(file.read())
    async with grpc.aio.secure_channel(
        mesh.tls_gateway, credentials, options=[("grpc.enable_http_proxy", 0)]
    ) as channel:
        assert (await Shop(channel).get_product()).product.name == "products/p-0001"
        assert await outcome_of(Shop(channel).list_orders()) == "PERMISSION_DENIED RBAC: access denied"


async def test_a_client_without_the_ca_does_not_trust_the_gateway(mesh: Mesh) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await http_request(mesh.tls_gateway, PRODUCT, tls=ssl.create_default_context())


async def test_the_tls_port_refuses_plaintext(mesh: Mesh) -> None:
    assert (await http_request(mesh.tls_gateway, PRODUCT)).status == 0


async def grpc_web_call(mesh: Mesh, path: str, message: bytes = b"") -> RawResponse:
    """Call a method by gRPC-Web, as a page in a browser does."""
    headers = {"origin": PAGE_ORIGIN, "content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    return await http_request(
        mesh.gateway, path, headers, method="POST", body=struct.pack(">xI", len(message)) + message
    )


async def test_a_page_can_call_by_grpc_web(mesh: Mesh) -> None:
    response = await grpc_web_call(mesh, GET_PRODUCT, b"\x0a\x0fproducts/p-0001")
    assert (response.status, response.headers["access-control-allow-origin"]) == (200, PAGE_ORIGIN)
    assert b"grpc-status:0" in response.body
    refused = await grpc_web_call(mesh, LIST_ORDERS)
    assert refused.headers["content-type"] == "application/grpc-web+proto"
    assert (refused.headers["grpc-status"], refused.headers["grpc-message"]) == ("7", "RBAC: access denied")


@pytest.mark.parametrize("path", [GET_PRODUCT, LIST_ORDERS, PRODUCT, ORDERS])
async def test_only_pages_of_listed_origins_may_call(mesh: Mesh, path: str) -> None:
    def preflight(origin: str) -> dict[str, str]:
        return {"origin": origin, "access-control-request-method": "POST"}

    allowed = await http_request(mesh.gateway, path, preflight(PAGE_ORIGIN), method="OPTIONS")
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, PAGE_ORIGIN)
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    refused = await http_request(mesh.gateway, path, preflight(OTHER_ORIGIN), method="OPTIONS")
    assert refused.status in (403, 404)
    for response in (refused, await http_request(mesh.gateway, path, {"origin": OTHER_ORIGIN})):
        assert [name for name in response.headers if name.startswith("access-control")] == []


async def test_headers_and_requests_above_the_limits_are_refused(mesh: Mesh) -> None:
    async def status(headers: dict[str, str]) -> int:
        return (await http_request(mesh.gateway, PRODUCT, headers)).status

    # Many calls, because by default a gRPC server refuses more than 8 KiB at random, with a probability that grows with
    # the size.
    assert {await status({"x-note": "a" * 15_000}) for _ in range(20)} == {200}
    assert await status({"x-note": "a" * 20_000}) == 431
    assert await status({f"x-note-{number}": "a" for number in range(40)}) == 200
    assert await status({f"x-note-{number}": "a" for number in range(80)}) == 431
    assert await status({"x_note": "a"}) == 400
    largest, large = bytes(MAX_REQUEST_BYTES), bytes(MAX_REQUEST_BYTES + 1)
    assert (await http_request(mesh.gateway, GET_PRODUCT, GRPC, method="POST", body=largest)).from_service
    assert (await http_request(mesh.gateway, "/v1/users", method="POST", body=b'"' + large)).status in (400, 413, 0)
    response = await http_request(mesh.gateway, GET_PRODUCT, GRPC, method="POST", body=large)
    assert response.headers.get("grpc-message", "Payload Too Large") == "Payload Too Large"
    # RESOURCE_EXHAUSTED: the caller's mistake, not a failure of the service.
    assert response.headers.get("grpc-status", "8") == "8"
    assert not response.from_service


@pytest.mark.parametrize(
    ("path", "content_type", "status", "denied"),
    [
        pytest.param(LIST_ORDERS, "application/grpc", 200, "RBAC: access denied", id="gRPC"),
        pytest.param(LIST_ORDERS, "application/grpc-web+proto", 403, "RBAC: access denied", id="gRPC-Web"),
        pytest.param("/v1/orders", "application/json", 403, None, id="JSON"),
    ],
)
async def test_a_call_that_is_not_allowed_ends_before_its_body(
    mesh: Mesh, path: str, content_type: str, status: int, denied: str | None
) -> None:
    """Test that the gateway holds no body of it. If it did, it would wait for the rest, and return a timeout."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: shop.example\r\ncontent-type: {content_type}\r\ncontent-length: 100000\r\n\r\n"
    )
    response = await send_bytes(mesh.gateway, head.encode() + bytes(1000))
    assert (response.status, response.headers.get("grpc-message")) == (status, denied)


async def reset_calls(address: str) -> None:
    """Open calls and reset them at once, until the connection is closed. Raises ConnectionError when it is."""
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    client = h2.connection.H2Connection()
    client.initiate_connection()
    headers = [(":method", "GET"), (":scheme", "http"), (":authority", "shop.example"), (":path", PRODUCT)]
    try:
        while True:
            stream = client.get_next_available_stream_id()
            client.send_headers(stream, headers)
            client.reset_stream(stream)
            writer.write(client.data_to_send())
            await writer.drain()
            await asyncio.sleep(0)
    finally:
        writer.close()


async def test_a_client_that_resets_all_its_calls_is_disconnected(mesh: Mesh) -> None:
    """Test the attack "HTTP/2 rapid reset"."""
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(reset_calls(mesh.gateway), 30)
    assert (await http_request(mesh.gateway, PRODUCT)).status == 200


@pytest.mark.prove
@pytest.mark.timing
async def test_a_slow_sender_is_cut_off(mesh: Mesh) -> None:
    head = f"POST {GET_PRODUCT} HTTP/1.1\r\nhost: shop.example\r\ncontent-type: application/grpc\r\n".encode()
    stopwatch = Stopwatch()

    async def seconds(request: bytes) -> tuple[RawResponse, Duration]:
        response = await send_bytes(mesh.gateway, request, within=REQUEST_SECONDS + 15)
        return response, stopwatch.elapsed()

    (headers, first), (body, second) = await asyncio.gather(
        seconds(head), seconds(head + b"content-length: 100\r\n\r\n\0")
    )
    assert (headers.status, headers.from_service, body.from_service) == (408, False, False)
    # The second response is 408, or the same as a gRPC error.
    assert body.status == 408 or body.headers["grpc-message"] == "request timeout"
    assert body.headers["grpc-status"] == "1"
    assert HEADERS_SECONDS - 1 < first < second
    assert second > REQUEST_SECONDS - 1


async def test_the_gateway_limits_the_calls_per_connection(mesh: Mesh) -> None:
    host, _, port = mesh.gateway.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">xHBBI", 0, 4, 0, 0))
    async with asyncio.timeout(10):
        length, frame_type = struct.unpack(">xHBxxxxx", await reader.readexactly(9))
        settings = dict(struct.iter_unpack(">HI", await reader.readexactly(length)))
    writer.close()
    assert (frame_type, settings[3]) == (4, MAX_STREAMS)


async def test_connections_above_the_limit_are_closed(mesh: Mesh) -> None:
    host, _, port = mesh.gateway.rpartition(":")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(MAX_CONNECTIONS)]
    try:
        async for attempt in eventually(10):
            with attempt:
                assert (await http_request(mesh.gateway, PRODUCT)).status == 0
    finally:
        for _, writer in opened:
            writer.close()
    async for attempt in eventually(10):
        with attempt:
            assert (await http_request(mesh.gateway, PRODUCT)).status == 200
