"""One Pod from start to end: volumes, init containers, sidecars, containers, status, endpoint, and its orderly stop."""

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

log = logging.getLogger("agent.pod")
REFRESH = 60.0
"""Seconds between two looks at the volumes: ConfigMaps and Secrets that changed, tokens to renew."""


class PodWorker:
    """Plays one Pod. A static Pod (of the control plane) is played without the API; its mirror there only shows it."""

    def __init__(self, sandbox: Sandbox, api: Api, *, static: bool = False) -> None:
        self.sandbox, self._api, self._static = sandbox, api, static
        self.terminating = False
        self._told: bool | None = None
        self._changed = asyncio.Event()
        self._changed.set()
        self._since: dict[str, str] = {}
        self._sidecars: list[asyncio.Task[int]] = []
        self._hooks = Hooks(
            self._launch, self._changed.set, lambda kind, reason, text: api.event(sandbox, kind, reason, text)
        )
        spec = sandbox.spec
        containers = [*(spec.initContainers or []), *spec.containers]
        # Made all at once: containers that an earlier agent left running are adopted before the API is told anything.
        self._runners = {container.name: Runner(container, sandbox, self._hooks) for container in containers}
        self._initialized = any(self._runners[container.name].adopted for container in spec.containers)
        self._tasks = [asyncio.create_task(work) for work in (self._run(), self._report(), self._refresh())]
        for task in self._tasks:
            task.add_done_callback(self._unexpected)

    async def terminate(self, grace: float) -> None:
        """Leave the endpoints, stop the containers and then the sidecars, remove every trace, and tell the API."""
        if self.terminating:
            return
        self.terminating = True
        self._changed.set()
        self._tasks[0].cancel()
        await self._withdraw()
        await self._stop(grace)
        for task in self._tasks:
            task.cancel()
        erase(self.sandbox.folder)
        await self._api.forget(self.sandbox)

    def _unexpected(self, task: asyncio.Task[None]) -> None:
        """A defect of the agent's own: told loudly, since nobody awaits the task."""
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: the agent failed", self.sandbox.name, exc_info=error)

    def refresh_status(self) -> None:
        """State everything anew, for an API server that may have missed it."""
        self._changed.set()

    def compare(self, pod: Pod) -> None:
        """State it again when the API holds another readiness than was told (the node controller may have set it)."""
        conditions = (pod.status.conditions if pod.status else None) or []
        shown = next((c.status for c in conditions if c.type == "Ready"), None)
        if self._told is not None and shown != str(self._told):
            self._changed.set()

    def runs(self, container: str, run: int) -> bool:
        """Tell whether a container's process is there that is its run of this number, counted from 0."""
        runner = self._runners[container]
        return runner.restarts == run and runner.process is not None and runner.process.alive()

    async def relisten(self) -> None:
        """Derive the loopback listeners anew, after the cluster's Sidecars changed."""
        if self.sandbox.meshed and not self.terminating:
            await endpoints.listen(self._api.client, self.sandbox)

    async def _run(self) -> None:
        restart = self.sandbox.spec.restartPolicy or "Always"
        await self._mount()
        for spec in self.sandbox.spec.initContainers or []:
            runner = self._runners[spec.name]
            if spec.restartPolicy == "Always":
                self._sidecars.append(asyncio.create_task(runner.run("Always")))
                await runner.up()
            elif not self._initialized and await runner.run("Never" if restart == "Never" else "OnFailure"):
                return
        self._initialized = True
        await asyncio.gather(*(self._runners[spec.name].run(restart) for spec in self.sandbox.spec.containers))
        # A Job is done: its sidecars end with it.
        await self._stop(self.sandbox.spec.terminationGracePeriodSeconds or 30)

    async def _mount(self) -> None:
        while True:
            try:
                if self.sandbox.proxied:
                    await endpoints.mark(self._api.client, self.sandbox)
                if self.sandbox.meshed:
                    await endpoints.listen(self._api.client, self.sandbox)
                await volumes.populate(self.sandbox, None if self._static else self._api.client, self._api.lookup)
            except (MissingReferenceError, httpx2.HTTPError) as error:
                log.info("%s waits for its volumes: %s", self.sandbox.name, error)
                self._api.event(self.sandbox, "Warning", "FailedMount", str(error))
                await asyncio.sleep(0.5)
            else:
                return

    async def _launch(self, spec: Container) -> Launch:
        env = images.base_environment() | await resolve(spec, self.sandbox, self._api.lookup)
        launch = images.launch(spec, self.sandbox, env)
        env |= launch.env
        return Launch([expand(word, env) for word in launch.argv], env, launch.pre_stop)

    async def _stop(self, grace: float) -> None:
        """Containers first; sidecars hear of it at once (preStop) but go when the containers are gone, last first."""
        sidecars = [self._runners[c.name] for c in self.sandbox.sidecars]
        main = [runner for runner in self._runners.values() if runner not in sidecars]
        turns = [asyncio.Event() for _ in sidecars]
        waiting = [asyncio.create_task(runner.stop(grace, turn)) for runner, turn in zip(sidecars, turns, strict=True)]
        await asyncio.gather(*(runner.stop(grace) for runner in main))
        for task, turn in reversed(list(zip(waiting, turns, strict=True))):
            turn.set()
            await task

    async def _withdraw(self) -> None:
        if not self.sandbox.meshed:
            return
        try:
            await endpoints.withdraw(self._api.client, self.sandbox)
        except httpx2.HTTPError as error:
            log.warning("%s could not leave its Services: %s", self.sandbox.name, error)

    async def _report(self) -> None:
        """Keep the API in step with the containers; what it missed while it was away is told when it is back."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._tell()
            except httpx2.HTTPError as error:
                gone = isinstance(error, ApiError) and error.status.code == HTTPStatus.NOT_FOUND
                if gone and not self._static:
                    return
                await asyncio.sleep(0.5)
                self._changed.set()

    async def _tell(self) -> None:
        current = status.build(self.sandbox, self._runners, self._since, initialized=self._initialized)
        self._told = status.is_ready(current)
        if self.sandbox.meshed:
            serving = self._told and not self.terminating
            await (endpoints.publish if serving else endpoints.withdraw)(self._api.client, self.sandbox)
        patch = {"status": current}
        await self._api.client.patch(
            PodStatus, self.sandbox.name, patch, namespace=self.sandbox.namespace, patch_type=PatchType.STRATEGIC
        )

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await volumes.populate(self.sandbox, None if self._static else self._api.client, self._api.lookup)
            except (MissingReferenceError, httpx2.HTTPError) as error:
                log.warning("volumes of %s not refreshed: %s", self.sandbox.name, error)


def erase(folder: Path) -> None:
    """End what still runs in a Pod's folder, and remove the folder."""
    for process in processes.in_folder(folder):
        process.signal(processes.KILL)
    shutil.rmtree(folder, ignore_errors=True)
