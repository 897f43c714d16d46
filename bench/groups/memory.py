"""The memory of each part of a mesh: an app, a sidecar, the gateway, the control plane."""

import asyncio
from collections.abc import Mapping
from functools import partial

import psutil

from bench.context import Bench
from bench.figures import Figure
from bench.mesh import BenchMesh
from bench.rounds import Case, Sample, measure
from bench.usage import pss_mib
from mesh.local.processes import agent_of

APPS = ("catalog", "orders", "identity")


async def measure_memory(bench: Bench) -> list[Figure]:
    """Measure the proportional set size of the processes of a mesh that has no load."""
    parts = _parts(bench.mesh)
    cases = [Case(name, "", partial(_measure, processes), warms_up=False) for name, processes in parts.items()]
    return await measure(cases, bench.settings)


async def _measure(processes: list[psutil.Process], _seconds: float) -> Sample:
    return {"PSS MiB": await asyncio.to_thread(pss_mib, processes)}


def _parts(mesh: BenchMesh) -> Mapping[str, list[psutil.Process]]:
    pods = {name: mesh.pod(name) for name in APPS}
    sidecar = mesh.proxy_of(pods["orders"])
    agent = agent_of(mesh.instance)
    return {
        **{f"the app {name}": mesh.app_of(pod) for name, pod in pods.items()},
        "a sidecar: Envoy": [each for each in sidecar if each.name() == "envoy"],
        "a sidecar: pilot-agent": [each for each in sidecar if each.name() != "envoy"],
        "the gateway, both": mesh.proxy_of(mesh.pod("shop-gateway")),
        **mesh.control_plane(),
        "node agent": [psutil.Process(agent.pid)] if agent else [],
    }
