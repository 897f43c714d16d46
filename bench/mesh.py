"""The meshes that the benchmark measures: separate instances, which are removed at the end."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.errors import BenchError
from mesh.local import instance
from mesh.local.clients import users
from mesh.local.clients.kubectl import Kubectl, namespace_of
from mesh.local.instance import Instance
from mesh.local.lifecycle.parts import Part
from mesh.local.processes import containers_of, in_folder
from tests.support.checkout import ROOT

NAME = f"bench-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
"""One instance per checkout, so that two runs do not disturb each other more than two programs must."""
NAME_WITH_SIGNALS = f"{NAME}-signals"
MESH = str(Path(sys.executable).with_name("mesh"))
COMMAND_TIMEOUT_SECONDS = 540
"""The first start on a machine also builds the tools; `make tools` does that without a limit."""
STAGE = re.compile(r"^✓ (.+?) (\d+\.\d) s$", re.MULTILINE)
ORDER = re.compile(r"^orders/\S+")
CONTROL_PLANE = ("kube-system", "istio-system", "kafka")
"""Namespaces."""
PROXY, APP = "istio-proxy", "app"


@dataclass(frozen=True)
class BenchMesh:
    """A running mesh, by its Pods and processes."""

    instance: Instance
    kubectl: Kubectl
    without: Part

    def up(self) -> str:
        """Start the mesh again and return the output of `mesh up`."""
        return _run("up", self.instance.name, "--without", self.without)

    def down(self) -> None:
        """Stop the mesh. Its data stays."""
        _run("down", self.instance.name)

    def token(self) -> str:
        """Return an access token of the demo user. It is valid for 15 minutes."""
        return users.token(self.instance)

    def pod(self, app: str, namespace: str = "") -> Any:  # noqa: ANN401  # JSON
        """Return the only Pod of an app that is not being deleted."""
        pods = self.kubectl.get("pods", "-n", namespace or namespace_of(app), "-l", f"app={app}")["items"]
        found = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        if len(found) != 1:
            raise BenchError(f"{app} has {len(found)} Pods")
        return found[0]

    def egress(self, pod: Any) -> str:  # noqa: ANN401  # JSON
        """Return the address of a Pod's sidecar for the outgoing calls of its app."""
        meta = pod["metadata"]
        # The first one is that of gRPC services. Spans have another.
        listener = self.kubectl.get("sidecar", "-n", meta["namespace"], meta["name"])["spec"]["egress"][0]
        return f"{listener['bind']}:{listener['port']['number']}"

    def app_of(self, pod: Any) -> list[psutil.Process]:  # noqa: ANN401  # JSON
        """Return the process of a Pod's app."""
        return [psutil.Process(self._containers(pod)[APP])]

    def envoy_of(self, pod: Any) -> list[psutil.Process]:  # noqa: ANN401  # JSON
        """Return the Envoy of a Pod's sidecar or gateway."""
        return [each for each in self.proxy_of(pod) if each.name() == "envoy"]

    def proxy_of(self, pod: Any) -> list[psutil.Process]:  # noqa: ANN401  # JSON
        """Return both processes of a Pod's sidecar or gateway: pilot-agent and Envoy."""
        agent = psutil.Process(self._containers(pod)[PROXY])
        return [agent, *agent.children(recursive=True)]

    def control_plane(self) -> dict[str, list[psutil.Process]]:
        """Return the processes of Kubernetes, istiod and Kafka, by the name of their program."""
        found = {}
        for pod in self._pods(*CONTROL_PLANE):
            labels = pod["metadata"]["labels"]
            name = labels.get("component") or labels.get("app") or pod["metadata"]["name"]
            found[name] = self._processes_of(pod)
        return found

    def processes(self, *namespaces: str) -> list[psutil.Process]:
        """Return the processes of all Pods in some namespaces."""
        return [process for pod in self._pods(*namespaces) for process in self._processes_of(pod)]

    def _pods(self, *namespaces: str) -> list[Any]:
        return [pod for pod in self.kubectl.get("pods", "-A")["items"] if pod["metadata"]["namespace"] in namespaces]

    def _processes_of(self, pod: Any) -> list[psutil.Process]:  # noqa: ANN401  # JSON
        meta = pod["metadata"]
        uid = (meta.get("annotations") or {}).get("kubernetes.io/config.mirror") or meta["uid"]
        return [psutil.Process(each.pid) for each in in_folder(self.instance.pods / uid)]

    def _containers(self, pod: Any) -> dict[str, int]:  # noqa: ANN401  # JSON
        folder = self.instance.pods / str(pod["metadata"]["uid"])
        return {name: process.pid for name, process in containers_of(folder).items()}


@contextmanager
def running_mesh(name: str = NAME, without: Part = Part.OBSERVABILITY) -> Iterator[BenchMesh]:
    """Start a mesh without one of its parts, and yield it. Stop it at the end and delete its data.

    By default, what collects and stores signals is left out: it would take time from what is measured.
    """
    _run("down", name, "--purge")  # what an interrupted run has left
    try:
        _run("up", name, "--without", without)
        mesh = instance.load(name)
        yield BenchMesh(mesh, Kubectl.of(mesh), without)
    finally:
        _run("down", name, "--purge")


def _run(command: str, name: str, *options: str) -> str:
    """Run a `mesh` command on an instance and return its output. Raises BenchError if it fails."""
    done = subprocess.run(
        [MESH, command, "-i", name, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"mesh {command} {' '.join(options)} failed:\n{done.stdout}")
    return done.stdout


def stages(output: str) -> dict[str, float]:
    """Return the seconds of each stage that `mesh up` has printed."""
    return {ORDER.sub("an order", label.split(": ")[0]): float(seconds) for label, seconds in STAGE.findall(output)}
