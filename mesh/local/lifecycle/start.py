"""Starts a mesh, from nothing or from any earlier state. Every step can be repeated."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from rich.console import Console

from mesh.local import loopback, processes, tools, web
from mesh.local.clients.kubectl import Kubectl
from mesh.local.control_plane import manifests
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.kafka.fetch import fetch as fetch_kafka
from mesh.local.keys import cluster
from mesh.local.lifecycle import limits, ports
from mesh.local.lifecycle.parts import Part
from mesh.local.lifecycle.rollout import Rollout, agent_log_tail
from mesh.local.processes import agent_of
from mesh.local.zipkin.fetch import fetch as fetch_zipkin

AGENT_TIMEOUT_SECONDS = 20
FORMER_NAMESPACE = "istio-ingress"
FORMER_PAGE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: welcome, namespace: shop}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: welcome, namespace: shop-ingress}
"""
"""Objects of earlier releases: a page at the address of the shop."""


def start(mesh: Instance, console: Console, *, without: Collection[Part] = ()) -> None:
    """Start everything, and return when every Deployment and StatefulSet of the shop is ready.

    Nothing waits for the parts of observability. What is in `without` is removed if it runs.

    Raises:
        MeshError: a step failed.
    """
    if sys.platform != "linux":
        raise MeshError(
            "the local mesh runs on Linux only",
            why="it needs all of 127.0.0.0/8 and pidfds",
            fix="use a Linux machine or VM, or a cluster (mesh/kubernetes/README.md)",
        )
    tools.build(console)
    web.build(console)
    fetch_kafka(console)
    if Part.OBSERVABILITY not in without:
        fetch_zipkin(console)
    with _up_lock(mesh):
        start_node(mesh)
        rollout = Rollout(mesh, console)
        with ThreadPoolExecutor(1) as background:
            istio = background.submit(manifests.istio, mesh)
            rollout.wait_for_api()
            rollout.apply("Istio", "-f", "-", stdin=istio.result())
        rollout.wait_for_namespace("istiod", "istio-system")
        rollout.apply("platform", "-k", str(manifests.PLATFORM))
        _delete_former_gateway(mesh)
        _delete_former_page(mesh)
        overlay = manifests.overlay(mesh, traces=Part.OBSERVABILITY not in without)
        rollout.apply("services and policies", "-k", str(overlay))
        _start_observability(rollout, without)
        for namespace in ("kafka", "shop-ingress", "shop"):
            rollout.wait_for_namespace(namespace, namespace)


def _start_observability(rollout: Rollout, without: Collection[Part]) -> None:
    mesh, delete = rollout.mesh, ("delete", "--ignore-not-found", "--wait=false")
    if Part.OBSERVABILITY in without:
        Kubectl.of(mesh).run(*delete, "-k", str(manifests.observability(mesh, prober=False)))
        return
    folder = manifests.observability(mesh, prober=Part.PROBER not in without)
    rollout.apply("observability", "-k", str(folder))
    if Part.PROBER in without:
        Kubectl.of(mesh).run(*delete, "deployment", "prober", "--namespace=observability")


def _delete_former_gateway(mesh: Instance) -> None:
    """Delete the gateway of earlier releases, which had another namespace. It would take calls from the same port."""
    ours = ("-l", "app.kubernetes.io/part-of=grpc-mesh", "--field-selector", f"metadata.name={FORMER_NAMESPACE}")
    Kubectl.of(mesh).run("delete", "namespace", *ours)


def _delete_former_page(mesh: Instance) -> None:
    """Delete the page of earlier releases. It would take requests from the storefront."""
    Kubectl.of(mesh).run("delete", "--ignore-not-found", "-f", "-", stdin=FORMER_PAGE)


def start_node(mesh: Instance) -> None:
    """Start the node agent if it does not run. It starts the Kubernetes control plane. Raises MeshError."""
    if not agent_of(mesh):
        limits.check_disk(mesh)
        # Processes that a dead agent has left running use the ports already, and the new agent adopts them.
        if not processes.in_folder(mesh.pods):
            ports.check(mesh)
        cluster.ensure(mesh)
        _start_agent(mesh)


@contextmanager
def _up_lock(mesh: Instance) -> Iterator[None]:
    """Lock out a second `mesh up`, and record the pid of this one for `mesh down`."""
    path = mesh.home / "up.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise MeshError(
                f"another `mesh up` of '{mesh.name}' is running",
                why=f"process {lock.read().strip()}",
                fix="wait for it, or `mesh down`",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def _start_agent(mesh: Instance) -> None:
    for folder in (mesh.agent, mesh.pods):
        folder.mkdir(exist_ok=True, mode=0o700)
    with mesh.agent_log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, "-m", "mesh.local.agent", mesh.name],
            cwd=mesh.agent,
            env=loopback.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + AGENT_TIMEOUT_SECONDS
    while not agent_of(mesh):
        if time.monotonic() > deadline:
            raise MeshError("the node agent did not start", why=agent_log_tail(mesh), fix=f"see {mesh.agent_log}")
        time.sleep(0.05)
