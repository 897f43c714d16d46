"""What an experiment is: a fault in the mesh, and what the shop promises while it lasts."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from mesh.local import processes
from mesh.local.clients.kubectl import Kubectl
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.processes import Process, containers_of

APP, ENVOY = "app", "envoy"
KUBECTL_TIMEOUT_SECONDS = 200


@dataclass(frozen=True)
class Target:
    """What a fault hits: a mesh, and one service of it (empty if the fault is not in a service)."""

    mesh: Instance
    service: str

    async def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl and return its output. Cancellation waits for it: no change may come after its own undo.

        Raises:
            MeshError: it failed.
        """
        task = asyncio.current_task()
        # The first Ctrl-C may end a kubectl that waits. A second one must not end a kubectl that restores the mesh.
        restoring = bool(task and task.cancelling())
        run = asyncio.ensure_future(
            asyncio.to_thread(
                lambda: Kubectl.of(self.mesh).run(
                    *words, stdin=stdin, timeout_seconds=KUBECTL_TIMEOUT_SECONDS, ignore_ctrl_c=restoring
                )
            )
        )
        try:
            return await asyncio.shield(run)
        except asyncio.CancelledError:
            with suppress(MeshError):
                await run
            raise

    async def get(self, *words: str) -> Any:  # noqa: ANN401  # JSON
        """Return the objects that `kubectl get` finds. Raises MeshError."""
        return json.loads(await self.kubectl("get", *words, "-o", "json"))

    async def processes(self, program: str) -> list[Process]:
        """Return the process of the app or of the Envoy in each Pod of the service.

        Raises:
            MeshError: there is none.
        """
        pods = (await self.get("pods", "-n", "shop", "-l", f"app={self.service}"))["items"]
        folders = [self.mesh.pods / pod["metadata"]["uid"] for pod in pods]
        if program == APP:
            running = [containers_of(folder).get(APP) for folder in folders]
        else:
            running = [each for folder in folders for each in processes.in_folder(folder) if _name(each) == program]
        alive = [process for process in running if process]
        if not alive:
            raise MeshError(f"no {program} of a service '{self.service}' runs", fix="`mesh status` lists what runs")
        return alive

    def static_pod(self, name: str) -> list[Process]:
        """Return the process of a static Pod."""
        return list(containers_of(self.mesh.pods / f"static-{name}").values())


def _name(process: Process) -> str:
    with suppress(psutil.Error):
        return psutil.Process(process.pid).name()
    return ""


@dataclass(frozen=True)
class Promise:
    """What must hold while the fault lasts, and how soon after it the shop must be steady again."""

    success: float
    """Percent of the orders."""
    p99: float = 15.0
    """Seconds."""
    recovery: float = 30.0
    """Seconds."""


Fault = Callable[[Target], AbstractAsyncContextManager[None]]
"""A context manager that injects the fault on entry and undoes it on exit."""


@dataclass(frozen=True)
class Experiment:
    """A fault, and what is expected of the shop."""

    name: str
    hypothesis: str
    promise: Promise
    fault: Fault
    alert: str
    """The alert that must fire, and no other; empty if none may."""
    service: str = ""
    """The service to hit by default; empty if the fault is not in a service."""
    recovers_alone: bool = False
    """Recovery is measured from the start of the fault, because nothing undoes it."""
