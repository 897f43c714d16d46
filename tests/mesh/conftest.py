"""The mesh that these tests share: a separate instance, started once per run and removed after it.

With MESH_KEEP=1 in the environment it keeps running, and the next run uses it again. To remove it, run
`mesh down --purge -i NAME`.

Some tests visit the storefront in a real Chromium, which must be on PATH (Debian: `chromium`). Without one, these tests
are skipped, and the summary says so.
"""

import hashlib
import os
import resource
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, async_playwright

from tests.mesh.calls import Shop, status_of
from tests.mesh.foreign import FOREIGN
from tests.mesh.harness import Mesh, dial, run_mesh, shell_environment
from tests.mesh.matrix import CALLERS, Explained, caller_access, explain_matrix
from tests.mesh.policy_batches import explain_policies
from tests.mesh.web.visitor import DESKTOP, Scheme, Visit, Visitor
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tools.browser import ARGUMENTS, INSTALL, find_chromium

NAME = f"test-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
"""One instance per checkout, so that the runs of two checkouts do not disturb each other."""
# It would place orders while tests count theirs. The tests of the prober start their own.
os.environ["MESH_WITHOUT"] = "prober"
# Some tests open a thousand connections. By default a process may have hardly more.
_, MAX_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
LOG_LINES = 30
POLICY_SEED, POLICY_COUNT = 1, 10
"""How many random policies `make test` applies, and from which seed."""
_explained: dict[str, tuple[list[Explained], list[Explained]]] = {}
"""What the matrix has shown, by mesh. A run calls it once, when the first test needs it."""
CHROMIUM = find_chromium()
NAMESPACES = ("istio-system", "shop-ingress", "kafka", "shop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a browser if there is none."""
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason=f"there is no Chromium on PATH: {INSTALL}")
        for item in items:
            if "browser" in getattr(item, "fixturenames", ()):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def running() -> Iterator[Mesh]:
    keep = bool(os.environ.get("MESH_KEEP"))
    if not keep:
        run_mesh("down", "--purge", "-i", NAME)
    # All tests of the mesh run on one that was started with the variables of other programs.
    up = run_mesh("up", "-i", NAME, env=FOREIGN)
    assert up.returncode == 0, up.stdout
    yield Mesh(NAME, shell_environment(NAME))
    if not keep:
        down = run_mesh("down", "--purge", "-i", NAME)
        assert down.returncode == 0, down.stdout


@pytest.fixture
async def mesh(running: Mesh) -> Mesh:
    """Return the mesh when it is healthy, so that an earlier test cannot affect the next one."""
    await running.wait_for_rollout(*NAMESPACES)
    channel = dial(running.gateway, token=await running.token())
    async for attempt in eventually(30):
        with attempt:
            assert (await status_of(Shop(channel).place_order())).name == "OK"
    await channel.close()
    return running


@pytest.fixture
async def shop(mesh: Mesh) -> AsyncIterator[Shop]:
    """Yield the public methods through the gateway, called with a token."""
    channel = dial(mesh.gateway, token=await mesh.token())
    yield Shop(channel)
    await channel.close()


@pytest.fixture
async def matrix(mesh: Mesh) -> list[Explained]:
    """Return every call of the matrix, with what `mesh why` decides about it."""
    if mesh.name not in _explained:
        async with caller_access(mesh, CALLERS) as ways:
            cells = await explain_matrix(mesh, ways)
            _explained[mesh.name] = cells, await explain_policies(mesh, ways, POLICY_SEED, POLICY_COUNT)
    return _explained[mesh.name][0]


@pytest.fixture
def under_policies(mesh: Mesh, matrix: list[Explained]) -> list[Explained]:
    """Return calls under a few random policies, which the callers of the matrix have made as well."""
    assert matrix
    return _explained[mesh.name][1]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the state of the mesh to the report of a failed test."""
    del call
    report = yield
    if report.failed and {"mesh", "running"} & set(getattr(item, "fixturenames", ())):
        # The log of the node agent shows what happened to the containers.
        for words in (["status"], ["logs", "agent"]):
            lines = run_mesh(*words, "-i", NAME).stdout.splitlines()[-LOG_LINES:]
            report.sections.append((f"mesh {' '.join(words)}", "\n".join(lines)))
    return report
