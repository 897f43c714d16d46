"""The HTTP server of the storefront: which file has which address and which headers, and what has none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from services.runtime import ConfigError
from services.storefront.app import create_app

FILES = {
    "shell/index.html": "<title>shop</title>",
    "shell/policy.txt": "default-src 'none'",
    "shell/assets/main-ABCD2345.js": "shell",
    "shell/assets/main-ABCD2345.js.br": "not real",
    "shell/assets/favicon.svg": "<svg/>",
    "parts/catalog/part.json": "{}",
    "parts/catalog/catalog-ABCD2345.css": "a{}",
    "parts/broken/index.js": "a part without a manifest",
    "secret.txt": "secret",
}
FOREVER, ALWAYS_ASK = "public, max-age=31536000, immutable", "no-cache"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    async with TestClient(TestServer(create_app(tmp_path)), auto_decompress=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "text", "cached"),
    [
        ("/", "<title>shop</title>", ALWAYS_ASK),
        ("/products/p-0001", "<title>shop</title>", ALWAYS_ASK),
        ("/assets/main-ABCD2345.js", "shell", FOREVER),
        ("/assets/favicon.svg", "<svg/>", ALWAYS_ASK),
        ("/parts/index.json", '["catalog"]', ALWAYS_ASK),
        ("/parts/catalog/part.json", "{}", ALWAYS_ASK),
        ("/parts/catalog/catalog-ABCD2345.css", "a{}", FOREVER),
    ],
)
async def test_each_address_has_its_file(client: TestClient, path: str, text: str, cached: str) -> None:  # type: ignore[type-arg]
    response = await client.get(path, headers={"accept-encoding": "identity"})
    assert (response.status, await response.text()) == (200, text)
    assert response.headers["cache-control"] == cached
    assert response.headers["content-security-policy"] == "default-src 'none'"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/main-ABCD2345.js.br",
        "/assets/..%2f..%2fsecret.txt",
        "/parts/catalog/..%2f..%2fsecret.txt",
        "/parts/none/part.json",
    ],
)
async def test_no_other_file_has_an_address(client: TestClient, path: str) -> None:  # type: ignore[type-arg]
    response = await client.get(path)
    assert (response.status, response.headers["cache-control"]) == (404, ALWAYS_ASK)
    assert "secret" not in await response.text()


async def test_a_client_that_accepts_compressed_files_gets_them(client: TestClient) -> None:  # type: ignore[type-arg]
    response = await client.head("/assets/main-ABCD2345.js", headers={"accept-encoding": "br"})
    assert (response.status, response.headers["content-encoding"]) == (200, "br")


async def test_an_unchanged_file_is_not_sent_again(client: TestClient) -> None:  # type: ignore[type-arg]
    first = await client.get("/")
    second = await client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (second.status, await second.text()) == (304, "")


async def test_pages_can_only_be_read(client: TestClient) -> None:  # type: ignore[type-arg]
    assert (await client.post("/")).status == 405


async def test_pages_learn_where_the_console_of_a_local_mesh_is(client: TestClient, tmp_path: Path) -> None:  # type: ignore[type-arg]
    response = await client.get("/assets/settings.json")
    assert (await response.json(), response.headers["cache-control"]) == ({"console": None}, ALWAYS_ASK)
    async with TestClient(TestServer(create_app(tmp_path, "http://127.21.0.1:8090"))) as local:
        response = await local.get("/assets/settings.json")
        assert await response.json() == {"console": "http://127.21.0.1:8090"}
        assert response.headers["content-security-policy"] == FILES["shell/policy.txt"]


@pytest.mark.parametrize("console", ["javascript:alert(1)", "127.21.0.1:8090", "http://host/path", 'http://h"ost'])
def test_the_console_must_be_an_origin(tmp_path: Path, console: str) -> None:
    with pytest.raises(ConfigError, match=r"STOREFRONT_CONSOLE_URL: .* is not of the form http://host:port"):
        create_app(tmp_path, console)


def test_a_storefront_without_its_shell_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"STOREFRONT_WEB: .*policy\.txt: No such file or directory; `make web`"):
        create_app(tmp_path)
