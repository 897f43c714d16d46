"""The gateway at its edge: TLS, browsers, and how much it takes from one who is not trusted."""

import asyncio
import ssl
import struct

import grpc
import grpc.aio
import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, eventually
from tests.mesh.raw_http import GRPC, RawResponse, http_request, send_bytes

PRODUCT, ORDERS = "/v1/products/p-0001", "/v1/orders?customer=customers/me"
GET_PRODUCT, LIST_ORDERS = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/ListOrders"
PAGE, STRANGER = "https://shop.example", "https://evil.example"
MAX_CONNECTIONS, MAX_STREAMS = 1000, 512
HEADERS_SECONDS, REQUEST_SECONDS = 5, 10


def authority(mesh: Mesh) -> str:
    """Answer the file of who vouches for the gateway."""
    return mesh.environment["MESH_CA"]


async def test_json_and_grpc_are_answered_over_tls(mesh: Mesh) -> None:
    answer = await http_request(mesh.tls_gateway, PRODUCT, tls=ssl.create_default_context(cafile=authority(mesh)))
    assert (answer.status, b"products/p-0001" in answer.body) == (200, True)
    with open(authority(mesh), "rb") as file:  # noqa: ASYNC230, PTH123  # local
        trusted = grpc.ssl_channel_credentials(file.read())
    async with grpc.aio.secure_channel(mesh.tls_gateway, trusted, options=[("grpc.enable_http_proxy", 0)]) as channel:
        assert (await Shop(channel).get_product()).product.name == "products/p-0001"
        assert await outcome_of(Shop(channel).list_orders()) == "PERMISSION_DENIED RBAC: access denied"


async def test_who_is_not_told_whom_to_trust_does_not_trust_the_gateway(mesh: Mesh) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await http_request(mesh.tls_gateway, PRODUCT, tls=ssl.create_default_context())


async def test_where_tls_is_spoken_nothing_else_is(mesh: Mesh) -> None:
    assert (await http_request(mesh.tls_gateway, PRODUCT)).status == 0


async def web(mesh: Mesh, path: str, message: bytes = b"") -> RawResponse:
    """Call a method as a page in a browser does."""
    headers = {"origin": PAGE, "content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    return await http_request(
        mesh.gateway, path, headers, method="POST", body=struct.pack(">xI", len(message)) + message
    )


async def test_a_page_calls_by_grpc_web(mesh: Mesh) -> None:
    answer = await web(mesh, GET_PRODUCT, b"\x0a\x0fproducts/p-0001")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert b"grpc-status:0" in answer.body
    refused = await web(mesh, LIST_ORDERS)
    assert refused.headers["content-type"] == "application/grpc-web+proto"
    assert (refused.headers["grpc-status"], refused.headers["grpc-message"]) == ("7", "RBAC: access denied")


@pytest.mark.parametrize("path", [GET_PRODUCT, LIST_ORDERS, PRODUCT, ORDERS])
async def test_the_shops_pages_may_call_and_no_others(mesh: Mesh, path: str) -> None:
    def asking(origin: str) -> dict[str, str]:
        return {"origin": origin, "access-control-request-method": "POST"}

    allowed = await http_request(mesh.gateway, path, asking(PAGE), method="OPTIONS")
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    refused = await http_request(mesh.gateway, path, asking(STRANGER), method="OPTIONS")
    assert refused.status in (403, 404)
    for answer in (refused, await http_request(mesh.gateway, path, {"origin": STRANGER})):
        assert [name for name in answer.headers if name.startswith("access-control")] == []


async def test_what_is_too_large_is_refused(mesh: Mesh) -> None:
    async def status(headers: dict[str, str]) -> int:
        return (await http_request(mesh.gateway, PRODUCT, headers)).status

    # Many: a gRPC server left alone refuses more than 8 KiB by chance, the likelier the more it is.
    assert {await status({"x-note": "a" * 15_000}) for _ in range(20)} == {200}
    assert await status({"x-note": "a" * 20_000}) == 431
    assert await status({f"x-note-{number}": "a" for number in range(40)}) == 200
    assert await status({f"x-note-{number}": "a" for number in range(80)}) == 431
    assert await status({"x_note": "a"}) == 400
    large = bytes(3_000_000)
    assert (await http_request(mesh.gateway, "/v1/users", method="POST", body=large)).status in (413, 0)
    told = await http_request(mesh.gateway, GET_PRODUCT, GRPC, method="POST", body=large)
    assert told.headers.get("grpc-message", "Payload Too Large") == "Payload Too Large"
    assert not told.from_service


@pytest.mark.prove
@pytest.mark.timing
async def test_who_is_slow_is_cut_off(mesh: Mesh) -> None:
    head = f"POST {GET_PRODUCT} HTTP/1.1\r\nhost: shop.example\r\ncontent-type: application/grpc\r\n".encode()
    began = asyncio.get_running_loop().time()

    async def seconds(request: bytes) -> tuple[RawResponse, float]:
        answer = await send_bytes(mesh.gateway, request, within=REQUEST_SECONDS + 15)
        return answer, asyncio.get_running_loop().time() - began

    (headers, first), (body, second) = await asyncio.gather(
        seconds(head), seconds(head + b"content-length: 100\r\n\r\n\0")
    )
    assert (headers.status, headers.from_service, body.from_service) == (408, False, False)
    # The second is told as gRPC tells it.
    assert body.status == 408 or body.headers["grpc-message"] == "request timeout"
    assert HEADERS_SECONDS - 1 < first < second
    assert second > REQUEST_SECONDS - 1


async def test_a_connection_carries_so_many_calls_and_no_more(mesh: Mesh) -> None:
    host, _, port = mesh.gateway.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">xHBBI", 0, 4, 0, 0))
    async with asyncio.timeout(10):
        length, kind = struct.unpack(">xHBxxxxx", await reader.readexactly(9))
        settings = dict(struct.iter_unpack(">HI", await reader.readexactly(length)))
    writer.close()
    assert (kind, settings[3]) == (4, MAX_STREAMS)


async def test_more_connections_than_there_may_be_are_closed(mesh: Mesh) -> None:
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
