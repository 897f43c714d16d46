"""All experiments, each with its fault."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from mesh.local.chaos.authority import rotated_root
from mesh.local.chaos.certificates import short_lived_certificates
from mesh.local.chaos.experiment import APP, ENVOY, Experiment, Fault, Promise, Target
from mesh.local.processes import Process

NO_EFFECT = Promise(success=100, p99=5.0)
"""For a fault in what no order needs."""
ROLLOUT_TIMEOUT_SECONDS = 180
LABEL = "mesh.local/chaos"
"""The label of the objects that a fault creates."""


def killed(program: str) -> Fault:
    """Return a fault that kills the app or the Envoy. The node agent restarts it."""

    @asynccontextmanager
    async def fault(target: Target) -> AsyncIterator[None]:
        for process in await target.processes(program):
            process.signal(SIGKILL)
        yield

    return fault


@contextmanager
def stopped(processes: Iterable[Process]) -> Iterator[None]:
    """Stop processes with SIGSTOP, and continue them on exit."""
    running = list(processes)
    try:
        for process in running:
            process.signal(SIGSTOP)
        yield
    finally:
        for process in running:
            process.signal(SIGCONT)


def paused(program: str) -> Fault:
    """Return a fault that stops the app or the Envoy. With its Envoy stopped, a Pod is unreachable while it lives."""

    @asynccontextmanager
    async def fault(target: Target) -> AsyncIterator[None]:
        with stopped(await target.processes(program)):
            yield

    return fault


@asynccontextmanager
async def api_server_stopped(target: Target) -> AsyncIterator[None]:
    """Stop the API server: requests to it get no response."""
    with stopped(target.static_pod("kube-apiserver")):
        yield


def faulty_calls(**spec: Any) -> Fault:  # noqa: ANN401  # `fault` of a VirtualService
    """Return a fault that every caller's proxy injects into its calls to the service."""

    @asynccontextmanager
    async def fault(target: Target) -> AsyncIterator[None]:
        host = f"{target.service}.shop.svc.cluster.local"
        route = {"fault": spec, "route": [{"destination": {"host": host, "port": {"number": 50051}}}]}
        manifest = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": f"{target.service}-traffic", "namespace": "shop", "labels": {LABEL: "yes"}},
            "spec": {"http": [route]},
        }
        try:
            # `create` fails if the operator already has a VirtualService of that name, and leaves it alone.
            await target.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
            yield
        finally:
            await target.kubectl("delete", "virtualservice", "-n", "shop", "-l", LABEL)

    return fault


def scaled_to_zero(namespace: str, workload: str) -> Fault:
    """Return a fault that removes all Pods of a workload."""

    @asynccontextmanager
    async def fault(target: Target) -> AsyncIterator[None]:
        words = ["-n", namespace, workload]
        try:
            await target.kubectl("scale", *words, "--replicas=0")
            yield
        finally:
            await target.kubectl("scale", *words, "--replicas=1")
            await target.kubectl("rollout", "status", *words, f"--timeout={ROLLOUT_TIMEOUT_SECONDS}s")

    return fault


def _percent(share: int, **spec: str) -> dict[str, Any]:
    return {**spec, "percentage": {"value": share}}


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "kill",
            "orders fail only until the app has restarted",
            Promise(success=0),
            killed(APP),
            alert="ProcessRestarted",
            service="orders",
            recovers_alone=True,
        ),
        Experiment(
            "kill-envoy",
            "orders fail only until the Envoy has restarted",
            Promise(success=0),
            killed(ENVOY),
            alert="ProcessRestarted",
            service="payments",
            recovers_alone=True,
        ),
        Experiment(
            "pause",
            "no order waits longer than its contract allows, and all succeed again afterwards",
            Promise(success=0),
            paused(APP),
            alert="InstanceDown",
            service="payments",
        ),
        Experiment(
            "delay",
            "a service that takes 0.2 s longer makes orders slower, and none fails",
            Promise(success=100, p99=5.0),
            faulty_calls(delay=_percent(100, fixedDelay="0.2s")),
            alert="ServiceSlow",
            service="payments",
        ),
        Experiment(
            "abort",
            "while a service fails every call, orders fail, and none of them stays half done",
            Promise(success=0),
            faulty_calls(abort=_percent(100, grpcStatus="UNAVAILABLE")),
            alert="ServiceErrors",
            service="payments",
        ),
        Experiment(
            "partition",
            "callers wait for an unreachable Pod no longer than the contract allows, and it works again afterwards",
            Promise(success=0),
            paused(ENVOY),
            alert="InstanceDown",
            service="inventory",
        ),
        Experiment(
            "kafka-gone",
            "no order waits for Kafka, and all events are published later",
            NO_EFFECT,
            scaled_to_zero("kafka", "statefulset/kafka"),
            alert="EventsDelayed",
        ),
        Experiment(
            "istiod-gone",
            "no call needs istiod",
            NO_EFFECT,
            scaled_to_zero("istio-system", "deployment/istiod"),
            alert="ControlPlaneDown",
        ),
        Experiment(
            "api-server-gone",
            "no call needs the Kubernetes API",
            NO_EFFECT,
            api_server_stopped,
            alert="ControlPlaneDown",
        ),
        Experiment(
            "certificate-expiry",
            "a service's certificate expires and is renewed in time: no call fails",
            NO_EFFECT,
            short_lived_certificates,
            alert="CertificateExpiring",
            service="inventory",
        ),
        Experiment(
            "ca-rotation",
            "every certificate is replaced by one of another root, and no call fails",
            NO_EFFECT,
            rotated_root,
            alert="",
        ),
    )
}
