"""canary-automated: a good version gets more and more calls and is promoted; a bad one is rolled back after a few."""

import asyncio
import json
import re
import time
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.conftest import Measured
from tests.mesh import policies
from tests.mesh.calls import Shop, SteadyCalls
from tests.mesh.harness import MESH, Mesh, eventually
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.terminal import terminal

CALLS = 20
BAD: dict[str, dict[str, Any]] = {
    "answers 30 % with an error": {"abort": {"grpc_status": 13, "percentage": policies.percent(30)}},
    "takes a second": {"delay": {"fixed_delay": "1s", "percentage": policies.percent(100)}},
}


def words(mesh: Mesh, *options: str) -> list[str]:
    return ["canary", "catalog", "v2", "-i", mesh.name, "--calls", str(CALLS), "--seconds", "1", *options]


async def canary(mesh: Mesh, *options: str) -> tuple[CompletedProcess[str], float]:
    """Run it; its outcome, and the seconds it took."""
    began = time.monotonic()
    return await mesh.run(MESH, *words(mesh, *options), within=200), time.monotonic() - began


def readers(shop: Shop) -> SteadyCalls:
    """Read products all the time, four at once."""
    return SteadyCalls({f"GetProduct {number}": shop.get_product for number in range(4)}, pause=0)


async def routes(mesh: Mesh) -> list[Any]:
    """Find what steers catalog's calls."""
    found = (await mesh.get("virtualservices,destinationrules", "-n", "shop"))["items"]
    return [each for each in found if each["metadata"]["name"] in {"catalog-traffic", "catalog-versions"}]


async def versions(mesh: Mesh) -> dict[str, tuple[str, int]]:
    """Answer catalog's Deployments: the version of their Pods, and how many there are to be."""
    found = (await mesh.get("deployments", "-n", "shop", "-l", "app=catalog"))["items"]
    return {
        each["metadata"]["name"]: (each["spec"]["template"]["metadata"]["labels"]["version"], each["spec"]["replicas"])
        for each in found
    }


@pytest.mark.timing
async def test_a_good_version_is_promoted(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    async with scenario.run_readme(until=".venv/bin/mesh canary") as readme:
        async with readers(shop) as calls:
            began = time.monotonic()
            await readme.run_until("kubectl rollout undo")
            took = time.monotonic() - began
            assert await versions(mesh) == {"catalog": ("v2", 1), "catalog-v2": ("v2", 0)}
            assert await routes(mesh) == []
        again, _ = await canary(mesh)
        assert (again.returncode, again.stdout) == (0, "catalog is v2 already\n"), again.stderr
        steps = re.findall(r"^ *(\d+) %  ", readme.output, re.MULTILINE)
    assert steps == ["5", "10", "25", "50", "100"]
    assert calls.failed == []
    scenario.record_result(
        "a good version is promoted by 5, 10, 25, 50, 100 %", f"{took:.0f} s; 0 of {calls.made.total()} calls failed"
    )


@pytest.mark.timing
@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_version_is_rolled_back(scenario: Scenario, mesh: Mesh, shop: Shop, bad: str) -> None:
    async with mesh.applied(policies.callee_fault({"version": "v2"}, **BAD[bad])), scenario.applied():
        await mesh.wait_for_rollout()
        async with readers(shop) as calls:
            run, took = await canary(mesh)
        assert run.returncode == 1, run.stdout + run.stderr
        assert "rolled back to v1: " in run.stdout
        assert await versions(mesh) == {"catalog": ("v1", 1), "catalog-v2": ("v2", 0)}
        assert await routes(mesh) == []
    [step] = [line for line in run.stdout.splitlines() if "%  " in line]
    assert step.strip().startswith("5 %"), "the smallest share was enough"
    # What fails is a share of a share.
    assert len(calls.failed) / calls.made.total() < 0.05
    scenario.record_result(
        f"a version that {bad} is rolled back",
        f"{took:.0f} s; {len(calls.failed)} of {calls.made.total()} calls failed",
    )


async def test_nobody_calls_and_nobody_waits(
    scenario: Scenario, mesh: Mesh, measured: Measured, tmp_path: Path
) -> None:
    async with scenario.applied():
        run, took = await canary(mesh, "--patience", "2")
        assert run.returncode == 1, run.stdout + run.stderr
        assert f"rolled back to v1: no traffic: 0 of {CALLS} calls came within" in run.stdout
        measured(f"mesh canary gives up after {took:.0f} s when nobody calls")
        for again in (False, True):  # begun again, and interrupted on its way
            with terminal(tmp_path / "canary.log", *words(mesh)) as begun:
                async for attempt in eventually(60):
                    with attempt:
                        assert '"weight": 5' in json.dumps(await routes(mesh)), begun.output()
                assert await asyncio.to_thread(begun.interrupt, 100, again=again) == 130, begun.output()
                assert begun.output().splitlines()[-1] == "rolled back to v1: interrupted"
            assert await versions(mesh) == {"catalog": ("v1", 1), "catalog-v2": ("v2", 0)}
            assert await routes(mesh) == []


async def test_what_is_not_there_is_told(mesh: Mesh) -> None:
    run = await mesh.run(MESH, "canary", "catalog", "v9", "-i", mesh.name)
    assert run.returncode == 2
    assert "there is no Deployment catalog-v9 in shop" in run.stderr
