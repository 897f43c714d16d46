"""`mesh chaos` as a user runs it: true hypotheses hold, and a wrong one is reported."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mesh.local.chaos.faults import EXPERIMENTS
from tests.mesh.harness import MESH, SERVICES, Mesh, run_mesh
from tests.mesh.terminal import terminal
from tests.support.clock import eventually
from tests.support.report import notes

# A short fault, whose alert need not fire. Another test waits for the alerts.
SECONDS = ("--no-alerts", "--seconds", "5")
CheckRun = Callable[[subprocess.CompletedProcess[str], str], None]


async def chaos(mesh: Mesh, *words: str, within: float = 250) -> subprocess.CompletedProcess[str]:
    return await mesh.run(MESH, "chaos", "-i", mesh.name, *words, within=within)


def row(run: subprocess.CompletedProcess[str], experiment: str) -> str:
    """Return the line of an experiment in the table of results."""
    lines = run.stdout.splitlines()
    [header] = [number for number, line in enumerate(lines) if line.startswith("experiment ")]
    [row] = [line for line in lines[header:] if line.startswith(f"{experiment} ") and "balance" in line]
    return " ".join(row.split())


@pytest.fixture
def assert_holds(request: pytest.FixtureRequest) -> CheckRun:
    """Return a function that asserts that a hypothesis holds, and adds the figures to the table of scenarios."""

    def check(run: subprocess.CompletedProcess[str], experiment: str) -> None:
        assert run.returncode == 0, run.stdout + run.stderr
        result = row(run, experiment)
        assert result.endswith("balance holds")
        columns = "orders sold and p99 before, during, after; detected; recovered; books; hypothesis"
        figures = result.removeprefix(experiment).strip()
        notes(request.config, "scenarios").append((f"chaos: {experiment}", columns, figures))

    return check


def test_without_a_name_it_lists_all_experiments() -> None:
    run = run_mesh("chaos")
    assert run.returncode == 0
    assert [name for name in EXPERIMENTS if f"\n{name} " not in run.stdout] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["earthquake"], "there is no experiment 'earthquake'"),
        (["kafka-gone", "--service", "orders"], "kafka-gone has no --service option"),
        (["kill", "--service", "nosuch"], '"nosuch" not found'),
    ],
)
async def test_invalid_arguments_are_reported(mesh: Mesh, words: list[str], message: str) -> None:
    run = await chaos(mesh, *words)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.prove
@pytest.mark.timing
@pytest.mark.timeout(900)  # until the alert fires, and until it ends
@pytest.mark.parametrize("name", [name for name, experiment in EXPERIMENTS.items() if experiment.alert])
async def test_the_hypothesis_holds_and_the_fault_fires_its_alert_and_no_other(
    mesh: Mesh, name: str, assert_holds: CheckRun, request: pytest.FixtureRequest
) -> None:
    await mesh.wait_for_rollout("observability")
    run = await chaos(mesh, name, "--seconds", "10", within=800)
    assert_holds(run, name)
    [header] = [number for number, line in enumerate(run.stdout.splitlines()) if line.startswith("alerts: ")]
    figures = " ".join(run.stdout.splitlines()[header + 1 :])
    notes(request.config, "scenarios").append((f"alert: {name}", "seconds until it fired, and ended", figures))


@pytest.mark.prove
async def test_a_wrong_hypothesis_is_reported(mesh: Mesh) -> None:
    run = await chaos(mesh, "abort", "--success", "100", *SECONDS)
    assert run.returncode == 1, run.stdout
    assert row(run, "abort").endswith("balance FAILS"), "only the hypothesis fails"
    assert re.search(r"abort: during the fault, [\d.]+ % of the orders sold; the promise is 100 %", run.stdout)
    lookup = await mesh.run("kubectl", "get", "virtualservice", "-n", "shop", "payments-traffic")
    assert "NotFound" in lookup.stderr


@pytest.mark.prove
@pytest.mark.parametrize("repeatedly", [False, True])
async def test_ctrl_c_undoes_everything(mesh: Mesh, repeatedly: bool, tmp_path: Path) -> None:  # noqa: FBT001
    [app] = mesh.processes("python", (await mesh.pod("payments"))["metadata"]["uid"])
    words = ["chaos", "pause", "-i", mesh.name, "--no-alerts", "--seconds", "200"]
    with terminal(tmp_path / "chaos.log", *words) as command:
        async for attempt in eventually(40):
            with attempt:
                assert app.status() == psutil.STATUS_STOPPED, command.output()
        assert await asyncio.to_thread(command.interrupt, 60, repeatedly=repeatedly) == 130
        assert "Traceback" not in command.output()
    assert app.status() != psutil.STATUS_STOPPED


async def trusted_roots(mesh: Mesh) -> dict[str, set[str]]:
    """Return the serial numbers of the root certificates that the Envoy of each service trusts."""
    serials = {}
    for app in (*SERVICES, "shop-gateway"):
        # The gateway also has a certificate for outsiders, without a root.
        certificates = json.loads(await mesh.envoy(app, "certs"))["certificates"]
        serials[app] = {each["serial_number"] for certificate in certificates for each in certificate["ca_cert"]}
    return serials


@pytest.mark.prove
@pytest.mark.timeout(900)  # every Pod is restarted three times, one after another
async def test_no_call_fails_while_the_root_certificate_is_replaced(mesh: Mesh, assert_holds: CheckRun) -> None:
    await mesh.wait_for_rollout("observability")
    before = await trusted_roots(mesh)
    # No alert may fire either.
    assert_holds(await chaos(mesh, "ca-rotation", "--seconds", "5", within=850), "ca-rotation")
    after = await trusted_roots(mesh)
    [root] = set.union(*after.values())
    assert root not in set.union(*before.values())
