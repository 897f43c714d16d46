"""What more workloads cost: memory and processor time of the control plane, configuration, and the time of a change.

Workloads of one Pod with a sidecar are added in steps. Their apps do nothing. Each has a Service and may call one other
workload, except one, which may call all of them: it shows what a proxy without a scope costs.
"""

import asyncio
import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil

from bench.context import Bench
from bench.errors import BenchError
from bench.figures import Figure, slope
from bench.manifests import NAMESPACE, ROLLOUT_TIMEOUT, deployment, namespace, resource
from bench.mesh import BenchMesh
from bench.rounds import Sample, show_progress
from bench.usage import cpu_nanoseconds, pss_mib
from mesh.local.clients.envoy import query_pod

COUNTS = (2, 8, 16, 32)
SCALE = "scale"
"""The label of the workloads."""
UNSCOPED = "workload-00"
"""The workload whose proxy knows all others."""
UPDATE_TIME = "listener_manager.lds.update_time"
"""Envoy's record of when it got its listeners, in milliseconds since 1970. A policy is a part of a listener."""
QUIET_SECONDS, CHANGE_TIMEOUT_SECONDS = 1.0, 60
MILLISECOND = 1e6
"""Nanoseconds."""


async def measure_scale(bench: Bench) -> list[Figure]:
    """Measure with each number of workloads, and fit what one more costs."""
    samples: dict[int, list[Sample]] = {}
    for count in COUNTS:
        show_progress(f"{count} workloads")
        pods = await asyncio.to_thread(_grow, bench.mesh, count)
        samples[count] = [
            await asyncio.to_thread(_measure, bench.mesh, pods, bench.settings.seconds)
            for _ in range(bench.settings.rounds)
        ]
    metrics = [*samples[COUNTS[0]][0]]
    return [
        *(
            Figure(f"{count} workloads", "", metric, tuple(sample[metric] for sample in samples[count]))
            for count in COUNTS
            for metric in metrics
        ),
        *(Figure("none, by the fit", "", metric, _fits(samples, metric)[1]) for metric in metrics),
        *(Figure("each further workload", "", metric, _fits(samples, metric)[0]) for metric in metrics),
    ]


def _fits(samples: dict[int, list[Sample]], metric: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the slope of each round, and the value that its line has without workloads."""
    rounds = range(len(samples[COUNTS[0]]))
    points = [[(count, of_count[number][metric]) for count, of_count in samples.items()] for number in rounds]
    slopes, values = zip(*map(slope, points), strict=True)
    return slopes, values


def _grow(mesh: BenchMesh, count: int) -> list[Any]:
    """Apply workloads up to a number, and return their Pods when all are ready."""
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*_manifests(count)]})
    mesh.kubectl.run("apply", "--server-side", "-f", "-", stdin=manifests)
    for number in range(count):
        mesh.kubectl.run("rollout", "status", "-n", NAMESPACE, f"deployment/{_name(number)}", ROLLOUT_TIMEOUT)
    pods: list[Any] = mesh.kubectl.get("pods", "-n", NAMESPACE, "-l", f"{SCALE}=yes")["items"]
    if len(pods) != count:
        raise BenchError(f"{len(pods)} Pods instead of {count}")
    return pods


def _manifests(count: int) -> Iterator[dict[str, Any]]:
    yield namespace()
    scope = {"workloadSelector": {"labels": {"scoped": "yes"}}}
    hosts = [f"./{UNSCOPED}.{NAMESPACE}.svc.cluster.local"]
    yield resource("networking.istio.io/v1", "Sidecar", "scoped", {**scope, "egress": [{"hosts": hosts}]})
    for number in range(count):
        name = _name(number)
        labels = {SCALE: "yes", "scoped": "no" if name == UNSCOPED else "yes"}
        yield deployment(name, ["sleep", "infinity"], labels, image="busybox")
        ports = [{"name": "grpc", "port": 50051, "appProtocol": "grpc"}]
        yield resource("v1", "Service", name, {"selector": {"app": name}, "ports": ports})


def _name(number: int) -> str:
    return f"workload-{number:02}"


def _measure(mesh: BenchMesh, pods: Sequence[Any], seconds: float) -> Sample:
    """Measure one round."""
    control_plane = mesh.control_plane()
    _wait_until_quiet(mesh, pods)
    memory = {f"{name} MiB": pss_mib(control_plane[name]) for name in ("istiod", "kube-apiserver", "etcd")}
    proxies = [process for pod in pods for process in mesh.proxy_of(pod)]
    memory["sidecars MiB"] = pss_mib(proxies)
    return {**memory, **_idle(control_plane, seconds), **_configuration(mesh, pods), **_change(mesh, pods)}


def _idle(control_plane: dict[str, list[psutil.Process]], seconds: float) -> Sample:
    """Return the processor time of the control plane in a second in which nothing changes."""
    processes = [process for each in control_plane.values() for process in each]
    before = sum(map(cpu_nanoseconds, processes))
    time.sleep(seconds)
    return {"idle CPU ms/s": (sum(map(cpu_nanoseconds, processes)) - before) / MILLISECOND / seconds}


def _configuration(mesh: BenchMesh, pods: Sequence[Any]) -> Sample:
    """Return the size of the configuration of a proxy that may call one workload, and of one that may call all."""
    by_app = {pod["metadata"]["labels"]["app"]: pod for pod in pods}
    return {
        "scoped proxy KiB": len(query_pod(mesh.instance, by_app[_name(1)], "config_dump")) / 1024,
        "unscoped proxy KiB": len(query_pod(mesh.instance, by_app[UNSCOPED], "config_dump")) / 1024,
    }


def _change(mesh: BenchMesh, pods: Sequence[Any]) -> Sample:
    """Apply a policy, and return how long the proxies took to get it, from the start of `kubectl apply`."""
    path = f"/bench/{time.time_ns()}"
    policy = {"rules": [{"to": [{"operation": {"paths": [path]}}]}]}
    manifest = json.dumps(resource("security.istio.io/v1", "AuthorizationPolicy", "scale", policy))
    istiod = mesh.control_plane()["istiod"]
    used, started = sum(map(cpu_nanoseconds, istiod)), time.time()
    mesh.kubectl.run("apply", "-f", "-", stdin=manifest)
    applied = time.time()
    updates = _wait_for_updates(mesh, pods, started)
    used = sum(map(cpu_nanoseconds, istiod)) - used
    for pod in pods:
        if path not in query_pod(mesh.instance, pod, "config_dump"):
            raise BenchError(f"{pod['metadata']['name']} has new listeners without the policy")
    milliseconds = sorted(1000 * (update - started) for update in updates)
    p50, p99 = (milliseconds[math.ceil(share * len(milliseconds)) - 1] for share in (0.5, 0.99))
    return {
        "change p50 ms": p50,
        "change p99 ms": p99,
        "of it kubectl ms": 1000 * (applied - started),
        "istiod CPU ms per change": used / MILLISECOND,
    }


def _wait_for_updates(mesh: BenchMesh, pods: Sequence[Any], after: float) -> list[float]:
    """Wait until every proxy has got listeners after a time, and return when each did."""
    end = time.monotonic() + CHANGE_TIMEOUT_SECONDS
    updates: dict[str, float] = {}
    while missing := [pod for pod in pods if pod["metadata"]["name"] not in updates]:
        if time.monotonic() > end:
            raise BenchError(f"{len(missing)} proxies have no new listeners after {CHANGE_TIMEOUT_SECONDS} s")
        for pod in missing:
            update = _update_time(mesh, pod)
            if update > after:
                updates[pod["metadata"]["name"]] = update
    return [*updates.values()]


def _wait_until_quiet(mesh: BenchMesh, pods: Sequence[Any]) -> None:
    """Wait until no proxy has got new listeners for a while."""
    while max(_update_time(mesh, pod) for pod in pods) > time.time() - QUIET_SECONDS:
        time.sleep(QUIET_SECONDS / 10)


def _update_time(mesh: BenchMesh, pod: Any) -> float:  # noqa: ANN401  # JSON
    """Return when a proxy last got its listeners, in seconds since 1970."""
    text = query_pod(mesh.instance, pod, f"stats?filter=^{UPDATE_TIME}$")
    return int(text.split(": ")[1]) / 1000
