"""The shell and its parts: what one part does, or fails to do, stays its own."""

import re

from playwright.async_api import Route, expect

from tests.mesh.harness import Mesh
from tests.mesh.raw_http import http_request
from tests.mesh.web.visitor import Visit

INVENTORY_SCRIPT = re.compile(r"/parts/inventory/inventory-\w+\.js")


async def test_a_part_that_cannot_be_loaded_says_so_and_the_others_work(visit: Visit) -> None:
    visitor = await visit()

    async def fail(route: Route) -> None:
        await route.abort()

    await visitor.page.route(INVENTORY_SCRIPT, fail)
    await visitor.open("/products/p-0031")
    await expect(visitor.page.get_by_role("alert")).to_contain_text("“inventory”")
    await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    await visitor.page.unroute(INVENTORY_SCRIPT)
    await visitor.page.get_by_role("button", name="Try again").click()
    await expect(visitor.page.get_by_text("in stock")).to_be_visible()


async def test_a_part_without_a_manifest_is_missing_and_the_others_work(visit: Visit) -> None:
    visitor = await visit()

    async def fail(route: Route) -> None:
        await route.fulfill(status=503)

    await visitor.page.route("**/parts/inventory/part.json", fail)
    await visitor.open("/products/p-0031")
    await expect(visitor.page.get_by_text("Not available at the moment: inventory")).to_be_visible()
    await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()


async def test_while_a_service_is_off_the_rest_of_the_page_goes_on(mesh: Mesh, visit: Visit) -> None:
    visitor = await visit()
    async with mesh.scaled("deployment/inventory", 0):
        await visitor.open("/products/p-0031")
        await expect(visitor.page.get_by_text("The stock is not known at the moment")).to_be_visible()
        await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(visitor.page.get_by_text("in stock")).to_be_visible()


async def test_everything_comes_from_the_gateway(visit: Visit) -> None:
    visitor = await visit("/products/p-0031")
    await expect(visitor.page.get_by_text("in stock")).to_be_visible()
    assert visitor.requests
    assert {url for url in visitor.requests if not url.startswith(f"{visitor.origin}/")} == set()


async def test_a_script_that_is_no_file_of_the_shop_does_not_run(visit: Visit) -> None:
    visitor = await visit()
    await visitor.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.stolen = localStorage.length";
          document.body.append(script);
        }"""
    )
    assert await visitor.page.evaluate("window.stolen") is None
    [refusal] = visitor.problems
    assert "script-src" in refusal
    visitor.problems.clear()


async def test_files_with_a_hash_are_cached_and_all_others_are_requested_each_time(mesh: Mesh, visit: Visit) -> None:
    visitor = await visit()
    await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    for url in {url for url in visitor.requests if "/assets/" in url or "/parts/" in url}:
        path = url.removeprefix(visitor.origin)
        response = await http_request(mesh.gateway, path)
        is_fixed = path.endswith((".js", ".css"))
        assert response.headers["cache-control"] == (
            "public, max-age=31536000, immutable" if is_fixed else "no-cache"
        ), url
        assert "unsafe-inline" not in response.headers["content-security-policy"]


async def test_an_address_without_a_page_says_so(visit: Visit) -> None:
    visitor = await visit("/products/p-0031/else")
    await expect(visitor.page.get_by_text("There is no such page.")).to_be_visible()
