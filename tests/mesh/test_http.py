"""What HTTP promises to every client, at the gateway: HEAD, the names of schemes, and a page for visitors."""

import pytest

from tests.mesh.harness import Mesh
from tests.mesh.raw_http import http_request
from tests.mesh.signer import Signer

PRODUCT, ORDERS = "/v1/products/p-0001", "/v1/orders?customer=customers/me"


@pytest.mark.parametrize("path", [PRODUCT, "/v1/products/none", "/openapi.json", "/", ORDERS, "/v1/none"])
async def test_head_is_get_without_the_body(mesh: Mesh, path: str) -> None:
    head, get = [await http_request(mesh.gateway, path, method=method) for method in ("HEAD", "GET")]
    assert head.status == get.status
    for name in ("content-type", "content-length"):
        assert head.headers[name] == get.headers[name]
    assert (head.body, get.body != b"") == (b"", True)


async def test_head_of_a_write_is_refused(mesh: Mesh) -> None:
    token = Signer.of(mesh.home).token()
    headers = {"authorization": f"Bearer {token}"}
    assert (await http_request(mesh.gateway, "/v1/tokens:issue", headers, method="HEAD")).status == 403


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_name_of_the_scheme_is_case_insensitive(mesh: Mesh, scheme: str) -> None:
    async def status(token: str) -> int:
        return (await http_request(mesh.gateway, ORDERS, {"authorization": f"{scheme} {token}"})).status

    token = Signer.of(mesh.home).token()
    assert await status(token) == 200
    assert await status(f"{token.rpartition('.')[0]}.{'x' * 342}") == 401
    assert await status("") == 403


async def test_a_visitor_sees_the_shop(mesh: Mesh) -> None:
    page = await http_request(mesh.gateway, "/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<title>Morning Lane</title>" in page.body
    for link in ("/v1/products", "/openapi.json"):
        assert (await http_request(mesh.gateway, link)).status == 200
    assert (await http_request(mesh.gateway, "/", method="POST")).status == 403
