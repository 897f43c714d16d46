"""A real Chromium that visits the storefront, through the gateway of the mesh that all tests share.

It needs a Chromium on PATH (Debian: `chromium`). Without one, the tests are skipped, and the summary says so.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.mesh.harness import Mesh
from tests.mesh.web.visitor import DESKTOP, Scheme, Visit, Visitor

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder if there is no browser."""
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason="there is no Chromium on PATH: install it (Debian: apt-get install chromium)")
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(skip)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Its sandbox needs privileges that a user in a container does not have. The pages are our own.
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def visit(mesh: Mesh, browser: Browser) -> AsyncIterator[Visit]:
    """Yield a function that opens the shop as another visitor each time. At the end, no page may have had an error."""
    async with AsyncExitStack() as closing:
        visitors: list[Visitor] = []

        async def visit(path: str = "/", size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Visitor:
            entering = Visitor.enter(browser, f"http://{mesh.gateway}", size, scheme)
            visitor = await closing.enter_async_context(entering)
            visitors.append(visitor)
            await visitor.open(path)
            return visitor

        yield visit
        assert [problem for visitor in visitors for problem in visitor.problems] == []
