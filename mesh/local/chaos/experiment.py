"""What an experiment is: a blow to the mesh, and what the shop promises meanwhile."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from mesh.local import down, kubectl
from mesh.local.agent import processes
from mesh.local.agent.processes import Process
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

APP, ENVOY = "app", "envoy"


@dataclass(frozen=True)
class Ground:
    """Where an experiment takes place: a mesh, and one service of it."""

    instance: Instance
    service: str

    async def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl. What was begun ends, cancelled or not: nothing comes later than what takes it back.

        Raises:
            MeshError: it failed.
        """
        task = asyncio.current_task()
        # Ctrl-C ends whatever waits for something. Pressed once more it does not end what restores the mesh.
        alone = bool(task and task.cancelling())
        run = asyncio.ensure_future(
            asyncio.to_thread(kubectl.run, self.instance, "kubectl", *words, stdin=stdin, timeout=200, alone=alone)
        )
        try:
            return await asyncio.shield(run)
        except asyncio.CancelledError:
            with suppress(MeshError):
                await run
            raise

    async def get(self, *words: str) -> Any:  # noqa: ANN401  # JSON
        """Ask for objects. Raises MeshError."""
        return json.loads(await self.kubectl("get", *words, "-o", "json"))

    async def processes(self, part: str) -> list[Process]:
        """Find the app's or the Envoy's process in each Pod of the service.

        Raises:
            MeshError: there is none.
        """
        pods = (await self.get("pods", "-n", "shop", "-l", f"app={self.service}"))["items"]
        folders = [self.instance.pods / pod["metadata"]["uid"] for pod in pods]
        if part == APP:
            found = [dict(down.leaders(folder)).get(APP) for folder in folders]
        else:
            found = [each for folder in folders for each in processes.of_folder(folder) if _name(each) == part]
        alive = [process for process in found if process]
        if not alive:
            raise MeshError(f"no {part} of a service '{self.service}' runs", fix="`mesh status` lists what does")
        return alive

    def static(self, program: str) -> list[Process]:
        """Find the process of a static Pod."""
        return list(dict(down.leaders(self.instance.pods / f"static-{program}")).values())


def _name(process: Process) -> str:
    with suppress(psutil.Error):
        return psutil.Process(process.pid).name()
    return ""


@dataclass(frozen=True)
class Promise:
    """What has to hold from the blow until it is taken back, and how soon all is well after it.

    `success` is a share of the orders, in percent; `p99` and `recovery` are seconds.
    """

    success: float
    p99: float = 15.0
    recovery: float = 30.0


@dataclass(frozen=True)
class Experiment:
    """A blow, which is over when its block is, and what is expected of the shop."""

    name: str
    hypothesis: str
    promise: Promise
    blow: Callable[[Ground], AbstractAsyncContextManager[None]]
    service: str = ""
    """Whom it hits unless told otherwise; empty for what belongs to no service."""
    at_once: bool = False
    """Recovery is counted from the blow itself, for nothing takes it back."""
