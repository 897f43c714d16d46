"""Every page for everyone: axe finds nothing, on a phone and a desktop, in light and dark, and nothing is cut off."""

import pytest
from playwright.async_api import expect

from tests.mesh.harness import Mesh
from tests.mesh.web.visitor import DESKTOP, PHONE, Scheme, Visit, Visitor

PRODUCT = "/products/p-0031"
PAGES = ["/", "/?search=submarine", PRODUCT, "/products/none", "/cart", "/login", "/signup", "/account", "/orders/none"]
CUSTOMER_PAGES = ["/cart", "/checkout", "/orders", "/account"]
MERCHANDISER_PAGES = ["/merchandising", "/merchandising/new", "/merchandising/p-0031"]


async def check(visitor: Visitor, path: str) -> list[str]:
    await visitor.open(path)
    await expect(visitor.page.locator("main h1")).to_be_visible()
    await visitor.page.wait_for_load_state("networkidle")
    found = [f"{path}: {violation}" for violation in await visitor.violations()]
    if await visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{path}: is wider than the window")
    return found


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")])
async def test_axe_finds_nothing(visit: Visit, mesh: Mesh, size: tuple[int, int], scheme: Scheme) -> None:
    visitor = await visit("/", size, scheme)
    found = [line for path in PAGES for line in await check(visitor, path)]
    await visitor.log_in(await mesh.token())
    await visitor.open(PRODUCT)
    await visitor.page.get_by_role("button", name="Add to cart").click()
    found += [line for path in CUSTOMER_PAGES for line in await check(visitor, path)]
    await visitor.log_in(await mesh.token("merchandiser"))
    found += [line for path in MERCHANDISER_PAGES for line in await check(visitor, path)]
    assert found == []


async def test_axe_would_find_a_violation(visit: Visit) -> None:
    visitor = await visit()
    await expect(visitor.page.locator("main h1")).to_be_visible()
    await visitor.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    [violation] = await visitor.violations()
    assert violation.startswith("button-name")
