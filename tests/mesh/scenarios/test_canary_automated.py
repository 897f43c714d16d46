"""canary-automated: a good version is promoted step by step; a bad one is rolled back after a few calls."""

import asyncio
import json
import re
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.mesh import policies
from tests.mesh.calls import Shop, SteadyCalls
from tests.mesh.harness import MESH, Mesh
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.terminal import terminal
from tests.support.clock import Duration, Stopwatch, eventually
from tests.support.report import Measured

CALLS = 20
BAD: dict[str, dict[str, Any]] = {
    "fails 30 % of its calls": {"abort": {"grpc_status": 13, "percentage": policies.percent(30)}},
    "takes a second per call": {"delay": {"fixed_delay": "1s", "percentage": policies.percent(100)}},
}


def canary_command(mesh: Mesh, *options: str) -> list[str]:
    return ["canary", "catalog", "v2", "-i", mesh.name, "--calls", str(CALLS), "--seconds", "1", *options]


async def canary(mesh: Mesh, *options: str) -> tuple[CompletedProcess[str], Duration]:
    """Run `mesh canary`. Return its result and the seconds that it took."""
    stopwatch = Stopwatch()
    return await mesh.run(MESH, *canary_command(mesh, *options), within=200), stopwatch.elapsed()


def readers(shop: Shop) -> SteadyCalls:
    """Return calls that read products all the time, four at once."""
    return SteadyCalls({f"GetProduct {number}": shop.get_product for number in range(4)}, pause=0)


async def routes(mesh: Mesh) -> list[Any]:
    """Return the operator's routes and subsets for catalog."""
    objects = (await mesh.get("virtualservices,destinationrules", "-n", "shop"))["items"]
    return [each for each in objects if each["metadata"]["name"] in {"catalog-traffic", "catalog-versions"}]


async def versions(mesh: Mesh) -> dict[str, tuple[str, int]]:
    """Return the version and the number of replicas of each Deployment of catalog."""
    deployments = (await mesh.get("deployments", "-n", "shop", "-l", "app=catalog"))["items"]
    return {
        each["metadata"]["name"]: (each["spec"]["template"]["metadata"]["labels"]["version"], each["spec"]["replicas"])
        for each in deployments
    }


@pytest.mark.timing
async def test_a_good_version_is_promoted(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    async with scenario.run_readme(until=".venv/bin/mesh canary") as readme:
        async with readers(shop) as calls:
            stopwatch = Stopwatch()
            await readme.run_until("kubectl rollout undo")
            seconds = stopwatch.elapsed()
            assert await versions(mesh) == {"catalog": ("v2", 1), "catalog-v2": ("v2", 0)}
            assert await routes(mesh) == []
        second_run, _ = await canary(mesh)
        assert (second_run.returncode, second_run.stdout) == (0, "catalog is v2 already\n"), second_run.stderr
        steps = re.findall(r"^ *(\d+) %  ", readme.output, re.MULTILINE)
    assert steps == ["5", "10", "25", "50", "100"]
    assert calls.failed == []
    scenario.record_result(
        "a good version is promoted by 5, 10, 25, 50, 100 %", f"{seconds:.0f} s; 0 of {calls.made.total()} calls failed"
    )


@pytest.mark.timing
@pytest.mark.parametrize("fault", BAD)
async def test_a_bad_version_is_rolled_back(scenario: Scenario, mesh: Mesh, shop: Shop, fault: str) -> None:
    async with mesh.applied(policies.callee_fault({"version": "v2"}, **BAD[fault])), scenario.applied():
        await mesh.wait_for_rollout()
        async with readers(shop) as calls:
            run, seconds = await canary(mesh)
        assert run.returncode == 1, run.stdout + run.stderr
        assert "rolled back to v1: " in run.stdout
        assert await versions(mesh) == {"catalog": ("v1", 1), "catalog-v2": ("v2", 0)}
        assert await routes(mesh) == []
    [step] = [line for line in run.stdout.splitlines() if "%  " in line]
    assert step.strip().startswith("5 %"), "the smallest share was enough"
    # Only a share of the 5 % fails.
    assert len(calls.failed) / calls.made.total() < 0.05
    scenario.record_result(
        f"a version that {fault} is rolled back",
        f"{seconds:.0f} s; {len(calls.failed)} of {calls.made.total()} calls failed",
    )


async def test_without_traffic_or_when_interrupted_it_rolls_back(
    scenario: Scenario, mesh: Mesh, measured: Measured, tmp_path: Path
) -> None:
    async with scenario.applied():
        run, seconds = await canary(mesh, "--patience", "2")
        assert run.returncode == 1, run.stdout + run.stderr
        assert f"rolled back to v1: no traffic: 0 of {CALLS} calls came within" in run.stdout
        measured(f"mesh canary without traffic rolls back after {seconds:.0f} s")
        for repeatedly in (False, True):  # start it again, and interrupt it
            with terminal(tmp_path / "canary.log", *canary_command(mesh)) as command:
                async for attempt in eventually(60):
                    with attempt:
                        assert '"weight": 5' in json.dumps(await routes(mesh)), command.output()
                code = await asyncio.to_thread(command.interrupt, 100, repeatedly=repeatedly)
                assert code == 130, command.output()
                assert command.output().splitlines()[-1] == "rolled back to v1: interrupted"
            assert await versions(mesh) == {"catalog": ("v1", 1), "catalog-v2": ("v2", 0)}
            assert await routes(mesh) == []


async def test_a_missing_deployment_is_reported(mesh: Mesh) -> None:
    run = await mesh.run(MESH, "canary", "catalog", "v9", "-i", mesh.name)
    assert run.returncode == 2
    assert "there is no Deployment catalog-v9 in shop" in run.stderr
