"""`mesh chaos` as a user runs it: what it promises is what it finds, and a promise that is wrong is told."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mesh.local.chaos.faults import EXPERIMENTS
from tests.mesh.harness import MESH, SERVICES, Mesh, eventually, run_mesh
from tests.mesh.terminal import terminal
from tests.report import notes

SECONDS = "5"
Held = Callable[[subprocess.CompletedProcess[str], str], None]


async def chaos(mesh: Mesh, *words: str, within: float = 250) -> subprocess.CompletedProcess[str]:
    return await mesh.run(MESH, "chaos", "-i", mesh.name, *words, within=within)


def row(run: subprocess.CompletedProcess[str], experiment: str) -> str:
    """Find an experiment's line in the table of verdicts."""
    lines = run.stdout.splitlines()
    [head] = [number for number, line in enumerate(lines) if line.startswith("experiment ")]
    [found] = [line for line in lines[head:] if line.startswith(f"{experiment} ") and "balance" in line]
    return " ".join(found.split())


@pytest.fixture
def held(request: pytest.FixtureRequest) -> Held:
    """Assert that an experiment's hypothesis held, and note what was measured beside what the scenarios reached."""

    def judge(run: subprocess.CompletedProcess[str], experiment: str) -> None:
        assert run.returncode == 0, run.stdout + run.stderr
        found = row(run, experiment)
        assert found.endswith("balance holds")
        told = "orders sold and p99 before, during, after; detected; recovered; books; hypothesis"
        reached = found.removeprefix(experiment).strip()
        notes(request.config, "scenarios").append((f"chaos: {experiment}", told, reached))

    return judge


def test_without_a_name_it_lists_them_all() -> None:
    run = run_mesh("chaos")
    assert run.returncode == 0
    assert [name for name in EXPERIMENTS if f"\n{name} " not in run.stdout] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["earthquake"], "there is no experiment 'earthquake'"),
        (["kafka-gone", "--service", "orders"], "kafka-gone has no --service option"),
        (["kill", "--service", "nosuch"], '"nosuch" not found'),
    ],
)
async def test_what_cannot_be_done_is_a_users_mistake(mesh: Mesh, words: list[str], told: str) -> None:
    run = await chaos(mesh, *words)
    assert run.returncode == 2
    assert told in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.prove
@pytest.mark.timing
@pytest.mark.parametrize("name", ["kill", "partition", "istiod-gone", "api-server-gone"])
async def test_the_hypothesis_holds(mesh: Mesh, name: str, held: Held) -> None:
    held(await chaos(mesh, name, "--seconds", SECONDS), name)


@pytest.mark.prove
async def test_a_hypothesis_that_is_wrong_is_told(mesh: Mesh) -> None:
    run = await chaos(mesh, "abort", "--success", "100", "--seconds", SECONDS)
    assert run.returncode == 1, run.stdout
    assert row(run, "abort").endswith("balance FAILS"), "what fails is the promise alone"
    assert re.search(r"abort: meanwhile, [\d.]+ % of the orders sold; promised are 100 %", run.stdout)
    left = await mesh.run("kubectl", "get", "virtualservice", "-n", "shop", "payments-traffic")
    assert "NotFound" in left.stderr


@pytest.mark.prove
@pytest.mark.parametrize("again", [False, True])
async def test_ctrl_c_takes_everything_back(mesh: Mesh, again: bool, tmp_path: Path) -> None:  # noqa: FBT001
    [app] = mesh.processes("python", (await mesh.pod("payments"))["metadata"]["uid"])
    with terminal(tmp_path / "chaos.log", "chaos", "pause", "-i", mesh.name, "--seconds", "200") as begun:
        async for attempt in eventually(40):
            with attempt:
                assert app.status() == psutil.STATUS_STOPPED, begun.output()
        assert await asyncio.to_thread(begun.interrupt, 60, again=again) == 130
        assert "Traceback" not in begun.output()
    assert app.status() != psutil.STATUS_STOPPED


async def trusted(mesh: Mesh) -> dict[str, set[str]]:
    """Answer the serial numbers of the roots that each service's Envoy trusts."""
    found = {}
    for app in (*SERVICES, "ingressgateway"):
        run = await mesh.run(MESH, "proxy", "-i", mesh.name, app, "certs")
        # The gateway has one for outsiders, too, and trusts none of them.
        shown = json.loads(run.stdout)["certificates"]
        found[app] = {each["serial_number"] for certificate in shown for each in certificate["ca_cert"]}
    return found


@pytest.mark.prove
@pytest.mark.timeout(900)  # every Pod is made anew three times, one after the other
async def test_another_root_takes_over_and_no_call_fails(mesh: Mesh, held: Held) -> None:
    before = await trusted(mesh)
    held(await chaos(mesh, "ca-rotation", "--seconds", SECONDS, within=850), "ca-rotation")
    after = await trusted(mesh)
    [root] = set.union(*after.values())
    assert root not in set.union(*before.values())


@pytest.mark.prove
async def test_a_certificate_that_runs_out_was_renewed_and_no_call_fails(mesh: Mesh, held: Held) -> None:
    held(await chaos(mesh, "certificate-expiry", "--seconds", SECONDS), "certificate-expiry")
