"""The mesh that these tests share: an instance of its own, started once for the run and removed after it.

With MESH_KEEP=1 in the environment it stays, and the next run finds it (`mesh down --purge -i NAME` ends it).
"""

import hashlib
import os
from collections.abc import AsyncIterator, Generator, Iterator

import pytest

from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import ROOT, Mesh, dial, eventually, run_mesh, shell_environment

NAME = f"test-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
"""One instance per checkout, so that the runs of two checkouts do not meet."""
LOG_LINES = 30
NAMESPACES = ("istio-system", "istio-ingress", "kafka", "shop")


@pytest.fixture(scope="session")
def running() -> Iterator[Mesh]:
    keep = bool(os.environ.get("MESH_KEEP"))
    if not keep:
        run_mesh("down", "--purge", "-i", NAME)
    up = run_mesh("up", "-i", NAME)
    assert up.returncode == 0, up.stdout
    yield Mesh(NAME, shell_environment(NAME))
    if not keep:
        down = run_mesh("down", "--purge", "-i", NAME)
        assert down.returncode == 0, down.stdout


@pytest.fixture
async def mesh(running: Mesh) -> Mesh:
    """Give the mesh in good health: what an earlier test did to it is over."""
    await running.wait_for_rollout(*NAMESPACES)
    channel = dial(running.gateway, token=await running.token())
    async for attempt in eventually(30):
        with attempt:
            assert (await status_of(Shop(channel).place_order())).name == "OK"
    await channel.close()
    return running


@pytest.fixture
async def shop(mesh: Mesh) -> AsyncIterator[Shop]:
    """Give the public methods through the gateway, signed in."""
    channel = dial(mesh.gateway, token=await mesh.token())
    yield Shop(channel)
    await channel.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a failure tell how the mesh was just then."""
    del call
    report = yield
    if report.failed and {"mesh", "running"} & set(getattr(item, "fixturenames", ())):
        # What befell its containers stands in the node agent's log.
        for words in (["status"], ["logs", "agent"]):
            lines = run_mesh(*words, "-i", NAME).stdout.splitlines()[-LOG_LINES:]
            report.sections.append((f"mesh {' '.join(words)}", "\n".join(lines)))
    return report
