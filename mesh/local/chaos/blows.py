"""Every experiment: its blow in a few lines, which takes back itself what it did."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from mesh.local.agent.processes import Process
from mesh.local.chaos.authority import rotated
from mesh.local.chaos.certificates import renewed
from mesh.local.chaos.experiment import APP, ENVOY, Experiment, Ground, Promise

Blow = Callable[[Ground], AbstractAsyncContextManager[None]]
CALM = Promise(success=100, p99=5.0)
"""For what no order needs: nobody notices."""
ROLLOUT = "180s"
OURS = "mesh.local/chaos"
"""The label of what a blow has made."""


def killed(part: str) -> Blow:
    """Kill the app or the Envoy; the node agent starts another."""

    @asynccontextmanager
    async def blow(ground: Ground) -> AsyncIterator[None]:
        for process in await ground.processes(part):
            process.signal(SIGKILL)
        yield

    return blow


@contextmanager
def stopped(processes: Iterable[Process]) -> Iterator[None]:
    """Let processes stand still for the length of a block."""
    found = list(processes)
    try:
        for process in found:
            process.signal(SIGSTOP)
        yield
    finally:
        for process in found:
            process.signal(SIGCONT)


def paused(part: str) -> Blow:
    """Let the app stand still; or the Envoy, and nothing reaches the Pod or leaves it while its app lives."""

    @asynccontextmanager
    async def blow(ground: Ground) -> AsyncIterator[None]:
        with stopped(await ground.processes(part)):
            yield

    return blow


@asynccontextmanager
async def api_server_stopped(ground: Ground) -> AsyncIterator[None]:
    """Let the API server stand still: whoever asks it gets no answer."""
    with stopped(ground.static("kube-apiserver")):
        yield


def faulty(**fault: Any) -> Blow:  # noqa: ANN401  # a part of a VirtualService
    """Put a fault into every caller's proxy, before the calls of a service."""

    @asynccontextmanager
    async def blow(ground: Ground) -> AsyncIterator[None]:
        host = f"{ground.service}.shop.svc.cluster.local"
        spec = {"http": [{"fault": fault, "route": [{"destination": {"host": host, "port": {"number": 50051}}}]}]}
        metadata = {"name": f"{ground.service}-traffic", "namespace": "shop", "labels": {OURS: "yes"}}
        kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
        try:
            # `create` refuses what is there already, which is the operator's and stays.
            await ground.kubectl("create", "-f", "-", stdin=json.dumps({**kind, "metadata": metadata, "spec": spec}))
            yield
        finally:
            await ground.kubectl("delete", "virtualservice", "-n", "shop", "-l", OURS)

    return blow


def gone(namespace: str, workload: str) -> Blow:
    """Have no Pod of a workload."""

    @asynccontextmanager
    async def blow(ground: Ground) -> AsyncIterator[None]:
        words = ["-n", namespace, workload]
        try:
            await ground.kubectl("scale", *words, "--replicas=0")
            yield
        finally:
            await ground.kubectl("scale", *words, "--replicas=1")
            await ground.kubectl("rollout", "status", *words, f"--timeout={ROLLOUT}")

    return blow


def _percent(share: int, **fault: str) -> dict[str, Any]:
    return {**fault, "percentage": {"value": share}}


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "kill",
            "orders fail while the app starts anew, and no longer",
            Promise(success=0),
            killed(APP),
            service="orders",
            at_once=True,
        ),
        Experiment(
            "kill-envoy",
            "orders fail while the Envoy starts anew, and no longer",
            Promise(success=0),
            killed(ENVOY),
            service="payments",
            at_once=True,
        ),
        Experiment(
            "pause",
            "no order waits longer than its contract says, and all sell again after it",
            Promise(success=0),
            paused(APP),
            service="payments",
        ),
        Experiment(
            "delay",
            "a service that takes 0.2 s longer makes orders slower, and fails none",
            Promise(success=100, p99=5.0),
            faulty(delay=_percent(100, fixedDelay="0.2s")),
            service="payments",
        ),
        Experiment(
            "abort",
            "while a service refuses every call orders do not sell, and none of them is left half done",
            Promise(success=0),
            faulty(abort=_percent(100, grpcStatus="UNAVAILABLE")),
            service="payments",
        ),
        Experiment(
            "partition",
            "a Pod that nothing reaches is waited for no longer than the contract says, and is back after it",
            Promise(success=0),
            paused(ENVOY),
            service="inventory",
        ),
        Experiment(
            "kafka-gone", "no order waits for Kafka, and all is told later", CALM, gone("kafka", "statefulset/kafka")
        ),
        Experiment("istiod-gone", "no call needs istiod", CALM, gone("istio-system", "deployment/istiod")),
        Experiment("api-server-gone", "no call needs the Kubernetes API", CALM, api_server_stopped),
        Experiment(
            "certificate-expiry",
            "a service's certificate runs out and was renewed in time: no call fails",
            CALM,
            renewed,
            service="inventory",
        ),
        Experiment(
            "ca-rotation",
            "another root signs every certificate in the end, and no call fails on the way",
            CALM,
            rotated,
        ),
    )
}
