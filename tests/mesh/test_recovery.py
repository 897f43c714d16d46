"""After `kill -9`, every process comes back by itself, and calls succeed again."""

import asyncio
import json

import psutil
import pytest

from tests.mesh.calls import Shop, status_of, steady_shop
from tests.mesh.harness import Mesh, run_mesh
from tests.support.clock import Stopwatch, eventually
from tests.support.report import Measured

CONTROL_PLANE = ["pilot-discovery", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]

# `make test` kills each program of a Pod once, and two of the control plane. `make prove` kills each program of every
# service, and all of the control plane.
QUICK = [("python", "orders"), ("envoy", "catalog"), ("pilot-agent", "payments")]
QUICK_CONTROL_PLANE = ["pilot-discovery", "etcd"]


async def kill_and_wait(process: psutil.Process, mesh: Mesh, pod_uid: str) -> None:
    """Kill a process and wait until another one has replaced it."""
    program = process.name()
    process.kill()
    async for attempt in eventually(30):
        with attempt:
            assert process.pid not in {p.pid for p in mesh.processes(program, pod_uid)}
            assert mesh.processes(program, pod_uid)


@pytest.mark.parametrize(
    ("program", "app"),
    [
        pytest.param(program, app, marks=[] if (program, app) in QUICK else [pytest.mark.prove])
        for program in ("python", "envoy", "pilot-agent")
        for app in ("catalog", "inventory", "payments", "shipping", "orders")
    ],
)
async def test_a_killed_process_of_a_pod_comes_back(
    mesh: Mesh, shop: Shop, program: str, app: str, measured: Measured
) -> None:
    pod = await mesh.pod(app)
    uid = pod["metadata"]["uid"]
    (process,) = mesh.processes(program, uid)
    stopwatch = Stopwatch()
    await kill_and_wait(process, mesh, uid)
    async for attempt in eventually(30):
        with attempt:
            assert (await status_of(shop.place_order())).name == "OK"
    measured(f"{program} of {app}: orders succeed again after {stopwatch.elapsed():.1f} s")
    await mesh.wait_for_rollout()
    after = await mesh.pod(app)
    assert after["metadata"]["uid"] == uid, "the Pod was restarted in place, not replaced"


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, marks=[] if program in QUICK_CONTROL_PLANE else [pytest.mark.prove])
        for program in CONTROL_PLANE
    ],
)
async def test_a_killed_process_of_the_control_plane_comes_back_and_no_call_fails(
    mesh: Mesh, shop: Shop, program: str, measured: Measured
) -> None:
    (process,) = mesh.processes(program)
    stopwatch = Stopwatch()
    async with steady_shop(shop) as calls:
        await kill_and_wait(process, mesh, "")
        # A rollout proves that everything works again: the change reaches a running Pod.
        async for attempt in eventually(60):
            with attempt:
                run = await mesh.run("kubectl", "rollout", "restart", "-n", "shop", "deployment/reflection", within=30)
                assert run.returncode == 0, run.stdout
        await mesh.wait_for_rollout()
    measured(f"{program}: a rollout is complete {stopwatch.elapsed():.1f} s after the kill; calls {dict(calls.made)}")
    assert not calls.failed


@pytest.mark.prove
async def test_calls_succeed_without_the_node_agent_and_the_next_up_replaces_it(mesh: Mesh, shop: Shop) -> None:
    await mesh.wait_for_rollout()
    agent = psutil.Process(json.loads((mesh.home / "agent.json").read_text())["pid"])
    before = mesh.process_ids() - {agent.pid}
    async with steady_shop(shop) as calls:
        agent.kill()
        try:
            agent.wait(5)
            for _ in range(20):
                await shop.place_order()
        finally:
            up = await asyncio.to_thread(run_mesh, "up", "-i", mesh.name)
        assert up.returncode == 0, up.stdout
        await mesh.wait_for_rollout()
    assert not calls.failed
    after = mesh.process_ids()
    assert before < after, "all other processes still run"
    assert len(after - before) == 1, "only the node agent is new"
