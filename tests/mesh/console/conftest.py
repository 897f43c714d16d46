"""A console that serves the mesh of all tests, and browsers that are logged in to it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser

from mesh.local import instance
from tests.mesh.harness import Mesh
from tests.mesh.web.visitor import DESKTOP, Scheme, Visit, Visitor
from tools.console import Console, running_console


@pytest.fixture(scope="session")
def console(running: Mesh) -> Iterator[Console]:
    """Run `mesh console` until the end of all tests. Ctrl-C must end it cleanly."""
    with running_console(instance.load(running.name)) as console:
        yield console


@pytest.fixture
async def desk(mesh: Mesh, console: Console, browser: Browser) -> AsyncIterator[Visit]:
    """Yield a function that opens the console in another browser each time. At the end, no page had an error."""
    del mesh  # only that it is healthy counts
    async with AsyncExitStack() as closing:
        visitors: list[Visitor] = []

        async def visit(path: str = "/", size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Visitor:
            visitor = await closing.enter_async_context(Visitor.enter(browser, console.origin, size, scheme))
            visitors.append(visitor)
            await visitor.page.add_init_script(console.login)
            await visitor.open(path)
            return visitor

        yield visit
        assert [problem for visitor in visitors for problem in visitor.problems] == []
