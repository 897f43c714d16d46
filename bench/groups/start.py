"""Start times: the mesh by stage, a Pod from its creation until it is ready, the imports of an app."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from bench.context import Bench
from bench.errors import BenchError
from bench.figures import Figure
from bench.mesh import BenchMesh, stages
from bench.rounds import Case, Sample, measure
from mesh.local.clients.kubectl import NAMESPACE
from tests.support.checkout import ROOT
from tests.support.processes import PYTHON, python_path

POD = "bench-start"
POD_TIMEOUT_SECONDS = 120
IMPORTS = {
    "python": "pass",
    "python with grpc.aio": "import grpc.aio",
    "python with catalog": "import services.catalog.__main__",
    "python with orders": "import services.orders.__main__",
}
"""Subject → the program that it runs, to see what an app imports before it does anything."""


async def measure_starts(bench: Bench) -> list[Figure]:
    """Measure the imports, and in a mesh the starts of a Pod and of the mesh itself."""
    cases = [Case(name, "", partial(_import, code)) for name, code in IMPORTS.items()]
    if bench.with_mesh:
        cases.append(Case("a Pod of catalog", "", partial(_start_pod, bench.mesh)))
        cases.append(Case("mesh up, warm", "", partial(_start_mesh, bench.mesh), warms_up=False))
    return await measure(cases, bench.settings)


async def _import(code: str, _seconds: float) -> Sample:
    return await asyncio.to_thread(_run_python, code)


def _run_python(code: str) -> Sample:
    env = {**os.environ, "PYTHONPATH": python_path(ROOT, ROOT / "gen")}
    started = time.monotonic()
    process = os.posix_spawn(PYTHON[0], [*PYTHON, "-c", code], env)
    _, status, used = os.wait4(process, 0)
    if status:
        raise BenchError(f"{code!r} failed")
    elapsed = time.monotonic() - started
    return {"start ms": 1000 * elapsed, "start CPU ms": 1000 * (used.ru_utime + used.ru_stime)}


async def _start_mesh(mesh: BenchMesh, _seconds: float) -> Sample:
    """Stop the mesh, start it again, and return the seconds of each stage up to the first order."""
    await asyncio.to_thread(mesh.down)
    started = time.monotonic()
    output = await asyncio.to_thread(mesh.up)
    return {"total s": time.monotonic() - started, **{f"{stage} s": each for stage, each in stages(output).items()}}


async def _start_pod(mesh: BenchMesh, _seconds: float) -> Sample:
    """Create a Pod like that of catalog, and return when Kubernetes has seen it reach each state, in seconds."""
    manifest = json.dumps(_pod(mesh))
    reached: dict[str, float] = {}
    try:
        async with asyncio.timeout(POD_TIMEOUT_SECONDS):
            started = time.monotonic()
            await asyncio.to_thread(partial(mesh.kubectl.run, "create", "-f", "-", stdin=manifest))
            async for pod in _watch(mesh):
                for state in _states(pod):
                    reached.setdefault(state, time.monotonic() - started)
                if "ready" in reached:
                    break
    except TimeoutError:
        raise BenchError(f"{POD} is not ready after {POD_TIMEOUT_SECONDS} s; it has reached {[*reached]}") from None
    finally:
        mesh.kubectl.run("delete", "pod", "-n", NAMESPACE, POD, "--grace-period=1", "--ignore-not-found")
    return {
        "Pod ready s": reached["ready"],
        "until the sidecar runs s": reached["sidecar runs"],
        "from there until the sidecar is ready s": reached["app runs"] - reached["sidecar runs"],
        "from there until the app is ready s": reached["ready"] - reached["app runs"],
    }


def _pod(mesh: BenchMesh) -> dict[str, Any]:
    """Return the manifest of a Pod with the containers of catalog, that no Service selects, with a new database."""
    template = mesh.kubectl.get("deployment", "-n", NAMESPACE, "catalog")["spec"]["template"]
    spec = template["spec"]
    spec["volumes"] = [{"name": each["name"], "emptyDir": {}} for each in spec["volumes"] if "hostPath" in each]
    metadata = {"name": POD, "namespace": NAMESPACE, "labels": {"app": POD}}
    metadata["annotations"] = template["metadata"].get("annotations", {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def _watch(mesh: BenchMesh) -> AsyncIterator[dict[str, Any]]:
    """Yield the Pod each time that it changes."""
    command = [*mesh.kubectl.command, "get", "pods", "-n", NAMESPACE, "-l", f"app={POD}", "--watch", "-o", "json"]
    process = await asyncio.create_subprocess_exec(
        *command, env=mesh.kubectl.environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout  # noqa: S101  # for mypy: it is a pipe
        lines: list[bytes] = []
        async for line in process.stdout:
            lines.append(line)
            if line == b"}\n":
                yield json.loads(b"".join(lines))
                lines = []
    finally:
        process.terminate()
        await process.wait()


def _states(pod: dict[str, Any]) -> list[str]:
    """Return the states that a Pod has reached."""
    status = pod["status"]
    running = {
        each["name"]
        for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        if "running" in each.get("state", {})
    }
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))
    states = {"sidecar runs": "istio-proxy" in running, "app runs": "app" in running, "ready": ready}
    return [state for state, has_reached in states.items() if has_reached]
