"""One Pod from start to end: volumes, init containers, sidecars, containers, status, endpoint, orderly stop."""

import asyncio
import logging
import shutil
from http import HTTPStatus
from pathlib import Path

import httpx2
from lightkube import ApiError
from lightkube.models.core_v1 import Container
from lightkube.resources.core_v1 import Pod, PodStatus
from lightkube.types import PatchType

from mesh.local import processes
from mesh.local.agent import endpoints, images, status, volumes
from mesh.local.agent.api import Api
from mesh.local.agent.container import Hooks, Runner
from mesh.local.agent.environment import MissingReferenceError, expand, resolve
from mesh.local.agent.images import Launch
from mesh.local.agent.sandbox import Sandbox
from mesh.local.processes import Process

logger = logging.getLogger(__name__)
REFRESH_INTERVAL_SECONDS = 60.0
"""How often volumes are updated with changed ConfigMaps and Secrets, and with new tokens."""


class PodWorker:
    """Runs one Pod. A static Pod (of the control plane) runs without the API, which has only a mirror of it."""

    def __init__(self, sandbox: Sandbox, api: Api, *, static: bool = False) -> None:
        self.sandbox, self._api, self._static = sandbox, api, static
        self.terminating = False
        self._reported_ready: bool | None = None
        self._changed = asyncio.Event()
        self._changed.set()
        self._since: dict[str, str] = {}
        self._sidecars: list[asyncio.Task[int]] = []
        self._hooks = Hooks(
            self._launch, self._changed.set, lambda kind, reason, text: api.event(sandbox, kind, reason, text)
        )
        spec = sandbox.spec
        containers = [*(spec.initContainers or []), *spec.containers]
        # All runners first: they adopt running containers, which must happen before the first status report.
        self._runners = {container.name: Runner(container, sandbox, self._hooks) for container in containers}
        self._initialized = any(self._runners[container.name].adopted for container in spec.containers)
        self._tasks = [asyncio.create_task(work) for work in (self._run(), self._report(), self._refresh())]
        for task in self._tasks:
            task.add_done_callback(self._log_failure)

    async def terminate(self, grace_seconds: float) -> None:
        """Remove the endpoint, stop the containers, then the sidecars, and delete the folder and the Pod."""
        if self.terminating:
            return
        self.terminating = True
        self._changed.set()
        self._tasks[0].cancel()
        await self._withdraw()
        await self._stop(grace_seconds)
        for task in self._tasks:
            task.cancel()
        erase(self.sandbox.folder)
        await self._api.delete(self.sandbox)

    def _log_failure(self, task: asyncio.Task[None]) -> None:
        """Log an error of the agent itself, because the task is not awaited."""
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s: the agent failed", self.sandbox.name, exc_info=error)

    def refresh_status(self) -> None:
        """Report the status again, because the API server may have missed it."""
        self._changed.set()

    def compare(self, pod: Pod) -> None:
        """Report the status again if the API has another readiness. The node controller may have changed it."""
        conditions = (pod.status.conditions if pod.status else None) or []
        shown = next((c.status for c in conditions if c.type == "Ready"), None)
        if self._reported_ready is not None and shown != str(self._reported_ready):
            self._changed.set()

    def process(self, container: str) -> Process | None:
        """Return the process of a container; None if the Pod has no such container, or it does not run."""
        return self.processes().get(container)

    def processes(self) -> dict[str, Process]:
        """Return the running containers by name, each as its main process."""
        started = {name: runner.process for name, runner in self._runners.items()}
        return {name: process for name, process in started.items() if process and process.alive()}

    def run_number(self, container: str) -> int:
        """Return the number of the current run of a container; the first run has number 0."""
        return self._runners[container].restarts

    def runs(self, container: str, run: int) -> bool:
        """Return whether this run of a container still runs; the first run has number 0."""
        runner = self._runners[container]
        return runner.restarts == run and runner.process is not None and runner.process.alive()

    async def update_listeners(self) -> None:
        """Update the Pod's Sidecar after the cluster's Sidecars have changed."""
        if self.sandbox.meshed and not self.terminating:
            await endpoints.apply_sidecar(self._api.client, self.sandbox)

    async def _run(self) -> None:
        restart = self.sandbox.spec.restartPolicy or "Always"
        await self._mount()
        for spec in self.sandbox.spec.initContainers or []:
            runner = self._runners[spec.name]
            if spec.restartPolicy == "Always":
                self._sidecars.append(asyncio.create_task(runner.run("Always")))
                await runner.wait_for_startup()
            elif not self._initialized and await runner.run("Never" if restart == "Never" else "OnFailure"):
                return
        self._initialized = True
        await asyncio.gather(*(self._runners[spec.name].run(restart) for spec in self.sandbox.spec.containers))
        # When a Job is done, its sidecars stop.
        await self._stop(self.sandbox.spec.terminationGracePeriodSeconds or 30)

    async def _mount(self) -> None:
        while True:
            try:
                if self.sandbox.proxied:
                    await endpoints.label(self._api.client, self.sandbox)
                if self.sandbox.meshed:
                    await endpoints.apply_sidecar(self._api.client, self.sandbox)
                await volumes.populate(self.sandbox, None if self._static else self._api.client, self._api.lookup)
            except (MissingReferenceError, httpx2.HTTPError) as error:
                logger.info("%s is waiting for its volumes: %s", self.sandbox.name, error)
                self._api.event(self.sandbox, "Warning", "FailedMount", str(error))
                await asyncio.sleep(0.5)
            else:
                return

    async def _launch(self, spec: Container) -> Launch:
        env = images.base_environment() | await resolve(spec, self.sandbox, self._api.lookup)
        launch = images.launch(spec, self.sandbox, env)
        env |= launch.env
        return Launch([expand(word, env) for word in launch.argv], env, launch.pre_stop)

    async def _stop(self, grace_seconds: float) -> None:
        """Stop the containers, then the sidecars, the last one first. Their preStop hooks run immediately."""
        sidecars = [self._runners[c.name] for c in self.sandbox.sidecars]
        main = [runner for runner in self._runners.values() if runner not in sidecars]
        turns = [asyncio.Event() for _ in sidecars]
        stopping = [
            asyncio.create_task(runner.stop(grace_seconds, turn)) for runner, turn in zip(sidecars, turns, strict=True)
        ]
        await asyncio.gather(*(runner.stop(grace_seconds) for runner in main))
        for task, turn in reversed(list(zip(stopping, turns, strict=True))):
            turn.set()
            await task

    async def _withdraw(self) -> None:
        if not self.sandbox.meshed:
            return
        try:
            await endpoints.withdraw(self._api.client, self.sandbox)
        except httpx2.HTTPError as error:
            logger.warning("%s could not be removed from its Services: %s", self.sandbox.name, error)

    async def _report(self) -> None:
        """Report every change of the containers to the API, and retry while it is unavailable."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._send_status()
            except httpx2.HTTPError as error:
                gone = isinstance(error, ApiError) and error.status.code == HTTPStatus.NOT_FOUND
                if gone and not self._static:
                    return
                await asyncio.sleep(0.5)
                self._changed.set()

    async def _send_status(self) -> None:
        current = status.build(self.sandbox, self._runners, self._since, initialized=self._initialized)
        self._reported_ready = status.is_ready(current)
        if self.sandbox.meshed:
            serving = self._reported_ready and not self.terminating
            await (endpoints.publish if serving else endpoints.withdraw)(self._api.client, self.sandbox)
        patch = {"status": current}
        await self._api.client.patch(
            PodStatus, self.sandbox.name, patch, namespace=self.sandbox.namespace, patch_type=PatchType.STRATEGIC
        )

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_INTERVAL_SECONDS)
            try:
                await volumes.populate(self.sandbox, None if self._static else self._api.client, self._api.lookup)
            except (MissingReferenceError, httpx2.HTTPError) as error:
                logger.warning("could not refresh the volumes of %s: %s", self.sandbox.name, error)


def erase(folder: Path) -> None:
    """Kill the processes that still run in a Pod's folder, and remove the folder."""
    for process in processes.in_folder(folder):
        process.signal(processes.KILL)
    shutil.rmtree(folder, ignore_errors=True)
