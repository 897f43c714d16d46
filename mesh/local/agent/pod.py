"""One Pod from start to end: volumes, init containers, sidecars, containers, status, endpoint, orderly stop."""

import asyncio
import logging
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from lightkube.models.core_v1 import Container
from lightkube.resources.core_v1 import Pod

from mesh.local import processes
from mesh.local.agent import endpoints, images, node_logs, unenforced, volumes
from mesh.local.agent.api import Api
from mesh.local.agent.container import Callbacks, Runner, now
from mesh.local.agent.environment import MissingReferenceError, expand, resolve
from mesh.local.agent.images import Launch
from mesh.local.agent.reporter import Reporter
from mesh.local.agent.sandbox import Sandbox
from mesh.local.agent.volumes import MountError
from mesh.local.processes import Process

logger = logging.getLogger(__name__)
REFRESH_INTERVAL_SECONDS = 60.0
"""How often volumes are updated with changed ConfigMaps and Secrets, and with new tokens."""
MAX_MOUNT_DELAY_SECONDS = 4.0
SIZE_INTERVAL_SECONDS = 10.0
"""How often the size of emptyDirs with a limit is checked."""


class PodWorker:
    """Runs one Pod. A static Pod (of the control plane) runs without the API, which has only a mirror of it.

    A finished Pod is not run: it has its status and its logs, until it is deleted.
    """

    def __init__(self, sandbox: Sandbox, api: Api, *, pod: Pod, static: bool = False) -> None:
        self.sandbox, self._api, self._static = sandbox, api, static
        self.terminating = False
        self._outdated = asyncio.Event()
        self._sidecars: list[asyncio.Task[int]] = []
        self.runners: dict[str, Runner] = {}
        """The containers of every kind, by name."""
        self._reporter = Reporter(sandbox, api.client, self.runners, static=static)
        self._callbacks = Callbacks(
            self._launch, self._reporter.report, lambda kind, reason, text: api.event(sandbox, kind, reason, text)
        )
        spec = sandbox.spec
        containers = [*(spec.initContainers or []), *spec.containers]
        # All runners first: they adopt running containers, which must happen before the first status report.
        self.runners |= {container.name: Runner(container, sandbox, self._callbacks) for container in containers}
        self._state = self._reporter.state
        self._state.initialized = any(self.runners[container.name].ran for container in spec.containers)
        self._reporter.restore(pod)
        finished = pod.status is not None and pod.status.phase in {"Succeeded", "Failed"}
        loops = [self._run, self._reporter.run, self._refresh, self._limit_time, self._limit_size]
        self._tasks = [] if finished else [asyncio.create_task(loop()) for loop in loops]
        for task in self._tasks:
            task.add_done_callback(self._log_failure)
        if not finished:
            self._run_ephemeral(pod)

    async def terminate(self, grace_seconds: float) -> None:
        """Remove the endpoint, stop the containers, then the sidecars, and delete the folder and the Pod.

        If this has been called before, only shorten the grace period.
        """
        if self.terminating:
            for runner in self.runners.values():
                runner.hurry(grace_seconds)
            return
        self.terminating = True
        self._cancel(self._tasks[:1])
        await self._reporter.withdraw()
        await self._stop(grace_seconds)
        self._cancel(self._tasks)
        await self._reporter.send_last()
        erase(self.sandbox.folder)
        await self._api.delete(self.sandbox)

    def refresh_status(self) -> None:
        """Report the status again, because the API server may have missed it."""
        self._reporter.report()

    def compare(self, pod: Pod) -> None:
        """Follow the Pod in the API: its labels and annotations, its conditions, ephemeral containers."""
        meta = self.sandbox.meta
        if pod.metadata and (meta.labels, meta.annotations) != (pod.metadata.labels, pod.metadata.annotations):
            meta.labels, meta.annotations = pod.metadata.labels, pod.metadata.annotations
            self._outdated.set()
            self._reporter.report()
        self._run_ephemeral(pod)
        self._reporter.compare(pod)

    def process(self, container: str) -> Process | None:
        """Return the process of a container; None if the Pod has no such container, or it does not run."""
        return self.processes().get(container)

    def processes(self) -> dict[str, Process]:
        """Return the running containers by name, each as its main process."""
        started = {name: runner.process for name, runner in self.runners.items()}
        return {name: process for name, process in started.items() if process and process.alive()}

    def record_logs(self) -> None:
        """Record how far the logs of the containers have grown."""
        for runner in self.runners.values():
            runner.record_log()

    async def update_listeners(self) -> None:
        """Update the Pod's Sidecar after the cluster's Sidecars have changed."""
        if self.sandbox.meshed and not self.terminating:
            await endpoints.apply_sidecar(self._api.client, self.sandbox)

    def _run_ephemeral(self, pod: Pod) -> None:
        """Start the ephemeral containers that `kubectl debug` has added. They are not restarted."""
        for given in (pod.spec.ephemeralContainers if pod.spec else None) or []:
            if given.name not in self.runners and not self.terminating:
                spec = msgspec.convert(given.to_dict(), Container)
                runner = self.runners[spec.name] = Runner(spec, self.sandbox, self._callbacks)
                self._reporter.restore_container(pod, spec.name)
                self._api.spawn(_ignore_result(runner))

    async def _run(self) -> None:
        policy = self.sandbox.spec.restartPolicy or "Always"
        if fields := unenforced.find(self.sandbox.spec):
            self._api.event(self.sandbox, "Normal", "NotEnforced", f"this node does not enforce: {', '.join(fields)}")
        await self._mount()
        node_logs.link(self.sandbox)
        for spec in self.sandbox.spec.initContainers or []:
            runner = self.runners[spec.name]
            if spec.restartPolicy == "Always":
                self._sidecars.append(asyncio.create_task(runner.run("Always")))
                await runner.wait_for_startup()
            elif not self._state.initialized and await runner.run("Never" if policy == "Never" else "OnFailure"):
                break
        else:
            self._state.initialized = True
            await asyncio.gather(*(self.runners[spec.name].run(policy) for spec in self.sandbox.spec.containers))
        # When a Job is done, its sidecars stop.
        self._cancel(self._sidecars)
        await self._stop(self.sandbox.grace_seconds)

    async def _mount(self) -> None:
        delay = 0.25
        while True:
            try:
                if self.sandbox.proxied:
                    await endpoints.label(self._api.client, self.sandbox)
                if self.sandbox.meshed:
                    await endpoints.apply_sidecar(self._api.client, self.sandbox)
                await self._populate()
            except (MissingReferenceError, MountError, OSError, httpx2.HTTPError) as error:
                self._api.event(self.sandbox, "Warning", "FailedMount", str(error))
                delay = min(2 * delay, MAX_MOUNT_DELAY_SECONDS)
                await asyncio.sleep(delay)
            else:
                return

    async def _populate(self) -> None:
        await volumes.populate(self.sandbox, None if self._static else self._api.client, self._api.lookup)

    async def _launch(self, spec: Container) -> Launch:
        env = images.base_environment() | await resolve(spec, self.sandbox, self._api.lookup)
        launch = images.launch(spec, self.sandbox, env)
        env |= launch.env
        return Launch([expand(word, env) for word in launch.argv], env, launch.pre_stop)

    async def _stop(self, grace_seconds: float) -> None:
        """Stop the containers, then the sidecars, the last one first. Their preStop hooks run immediately."""
        sidecars = [self.runners[c.name] for c in self.sandbox.sidecars]
        main = [runner for runner in self.runners.values() if runner not in sidecars]
        turns = [asyncio.Event() for _ in sidecars]
        stopping = [
            asyncio.create_task(runner.stop(grace_seconds, turn)) for runner, turn in zip(sidecars, turns, strict=True)
        ]
        await asyncio.gather(*(runner.stop(grace_seconds) for runner in main))
        for task, turn in reversed(list(zip(stopping, turns, strict=True))):
            turn.set()
            await task

    async def _fail(self, reason: str, message: str) -> None:
        """Stop the Pod, which has failed as a whole."""
        self._api.event(self.sandbox, "Warning", reason, message)
        self._state.failure = {"reason": reason, "message": message}
        self._cancel([self._tasks[0], *self._sidecars])
        await self._stop(self.sandbox.grace_seconds)
        self._reporter.report()

    async def _limit_time(self) -> None:
        if limit := self.sandbox.spec.activeDeadlineSeconds:
            started = datetime.fromisoformat(self._state.since.setdefault("start", now()))
            await asyncio.sleep(limit - (datetime.now(UTC) - started).total_seconds())
            await self._fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

    async def _limit_size(self) -> None:
        while not self._tasks[0].done() and any(
            v.emptyDir and v.emptyDir.sizeLimit for v in self.sandbox.spec.volumes or []
        ):
            if problem := volumes.exceeded(self.sandbox):
                await self._fail("Evicted", problem)
                return
            await asyncio.sleep(SIZE_INTERVAL_SECONDS)

    async def _refresh(self) -> None:
        """Update the volumes from time to time, and at once when the labels or annotations of the Pod change."""
        while True:
            try:
                async with asyncio.timeout(REFRESH_INTERVAL_SECONDS):
                    await self._outdated.wait()
            except TimeoutError:
                pass
            self._outdated.clear()
            try:
                await self._populate()
            except (MissingReferenceError, MountError, OSError, httpx2.HTTPError) as error:
                self._api.event(self.sandbox, "Warning", "FailedMount", f"volumes are not updated: {error}")

    def _log_failure(self, task: asyncio.Task[None]) -> None:
        """Log an error of the agent itself, because the task is not awaited, and show it at the Pod."""
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s: the agent failed", self.sandbox.name, exc_info=error)
            self._api.event(self.sandbox, "Warning", "AgentFailed", f"{type(error).__name__}: {error}")

    @staticmethod
    def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()


async def _ignore_result(runner: Runner) -> None:
    await runner.run("Never")


def erase(folder: Path) -> None:
    """Kill the processes that still run in a Pod's folder, and remove the folder."""
    for process in processes.in_folder(folder):
        process.signal(processes.KILL)
    shutil.rmtree(folder, ignore_errors=True)
