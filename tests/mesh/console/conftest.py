"""A console that serves the mesh of all tests, and browsers that are logged in to it."""

import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser

from tests.mesh.harness import MESH, Mesh
from tests.mesh.web.visitor import DESKTOP, Scheme, Visit, Visitor

STOP_SECONDS = 30


@dataclass(frozen=True)
class Console:
    """A running console."""

    origin: str
    link: str
    """The link that it printed. It logs one browser in."""
    token: str

    @property
    def host(self) -> str:
        """The "<address>:<port>" of the console."""
        return self.origin.removeprefix("http://")


@pytest.fixture(scope="session")
def console(running: Mesh) -> Iterator[Console]:
    """Run `mesh console` until the end of all tests. Ctrl-C must end it cleanly."""
    command = [MESH, "console", "-i", running.name, "--no-browser"]
    with subprocess.Popen(["/usr/bin/env", "--default-signal=INT", *command], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        printed: list[str] = []
        while not printed or "Ctrl-C" not in printed[-1]:
            printed.append(run.stdout.readline())
            assert printed[-1], "".join(printed)
        match = re.search(r"(http://\S+)/login\?code=\S+", "".join(printed))
        assert match
        yield Console(match[1], match[0], (running.home / "console-token").read_text())
        run.send_signal(signal.SIGINT)
        assert run.wait(STOP_SECONDS) == 0


@pytest.fixture
async def desk(mesh: Mesh, console: Console, browser: Browser) -> AsyncIterator[Visit]:
    """Yield a function that opens the console in another browser each time. At the end, no page had an error."""
    del mesh  # only that it is healthy counts
    async with AsyncExitStack() as closing:
        visitors: list[Visitor] = []

        async def visit(path: str = "/", size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Visitor:
            visitor = await closing.enter_async_context(Visitor.enter(browser, console.origin, size, scheme))
            visitors.append(visitor)
            await visitor.page.add_init_script(f'localStorage.setItem("console.token", \'"{console.token}"\')')
            await visitor.open(path)
            return visitor

        yield visit
        assert [problem for visitor in visitors for problem in visitor.problems] == []
