"""One container: starts or adopts its process, probes it, restarts it with back-off, stops it."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from lightkube.models.core_v1 import Container, Probe

from mesh.local import processes
from mesh.local.agent.environment import MissingReferenceError
from mesh.local.agent.images import Launch, UnknownImageError
from mesh.local.agent.probes import check
from mesh.local.agent.sandbox import Sandbox
from mesh.local.processes import Process

FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, STEADY_SECONDS = 1.0, 30.0, 60.0
"""Back-off of restarts: immediately, then after 1, 2, 4 … 30 s. A run of STEADY_SECONDS resets it."""


def now() -> str:
    """Return the current time in the format of Kubernetes."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Hooks:
    """What a container needs from its Pod."""

    launch: Callable[[Container], Awaitable[Launch]]
    changed: Callable[[], None]
    event: Callable[[str, str, str], None]
    """(type `Normal` or `Warning`, reason, message)"""


@dataclass
class Runner:
    """Runs one container. Its public fields go into the Pod's status."""

    spec: Container
    sandbox: Sandbox
    hooks: Hooks
    ready: bool = False
    started: bool = False
    restarts: int = 0
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    last_state: dict[str, Any] = field(default_factory=dict)
    process: Process | None = None
    adopted: Process | None = field(init=False)
    """The process of an earlier agent, if it still runs."""
    _launch: Launch | None = None
    _stopping: bool = False
    _startup: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Adopt a running process first, so that the status is correct from the start."""
        self.adopted = self._adopt()

    async def run(self, restart: str) -> int:
        """Run until the container has ended and is not restarted. `restart` is Always, OnFailure or Never."""
        if restart == "Never" and self.process and not self.adopted:
            return self._ended_unobserved()
        delay = 0.0
        while True:
            started = asyncio.get_running_loop().time()
            code = await (self._watch(self.adopted) if self.adopted else self._start())
            self.adopted = None
            if self._stopping or restart == "Never" or (restart == "OnFailure" and code == 0):
                self._set(ready=False, started=False)
                return code
            delay = 0.0 if asyncio.get_running_loop().time() - started > STEADY_SECONDS else delay
            if delay:
                self.hooks.event("Warning", "BackOff", f"restarting {self.spec.name} in {delay:.0f} s")
                self._set(
                    state={
                        "waiting": {
                            "reason": "CrashLoopBackOff",
                            "message": f"back-off {delay:.0f}s restarting container",
                        }
                    }
                )
                await asyncio.sleep(delay)
            delay = min(max(delay * 2, FIRST_DELAY_SECONDS), MAX_DELAY_SECONDS)
            self.restarts += 1

    def _ended_unobserved(self) -> int:
        """Return an unknown exit code for a process that ended while no agent ran. It must not run a second time."""
        since = json.loads(self._record.read_text())["since"]
        ended = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": since, "finishedAt": now()}
        self.restarts -= 1
        self._set(state={"terminated": ended})
        return 137

    async def wait_for_startup(self) -> None:
        """Wait until the container has started, and its startup probe, if any, has passed."""
        await self._startup.wait()

    async def stop(self, grace_seconds: float, may_terminate: asyncio.Event | None = None) -> None:
        """Stop it: preStop hook, SIGTERM (after the event, if there is one), SIGKILL after the grace period."""
        self._stopping = True
        process = self.process
        if process is None or not process.alive():
            return
        self.hooks.event("Normal", "Killing", f"stopping container {self.spec.name}")
        try:
            async with asyncio.timeout(grace_seconds):
                await self._pre_stop()
                if may_terminate:
                    await may_terminate.wait()
                process.signal(processes.TERM)
                await processes.exited(process)
        except TimeoutError:
            pass
        process.signal_group(processes.KILL)

    async def _start(self) -> int:
        try:
            self._launch = await self.hooks.launch(self.spec)
            self.process = processes.spawn(
                self._launch.argv, self._launch.env, self.sandbox.folder, self._log(self.restarts)
            )
        except (MissingReferenceError, UnknownImageError, OSError) as error:
            reason = "ErrImageNeverPull" if isinstance(error, UnknownImageError) else "CreateContainerConfigError"
            self._set(state={"waiting": {"reason": reason, "message": str(error)}})
            self.hooks.event("Warning", "Failed", str(error))
            return 128
        self._log(self.restarts - 2).unlink(missing_ok=True)
        saved = {"pid": self.process.pid, "started": self.process.started, "restarts": self.restarts, "since": now()}
        self._record.parent.mkdir(exist_ok=True)
        partial = self._record.with_suffix(".partial")
        partial.write_text(json.dumps(saved))
        partial.rename(self._record)
        self.hooks.event("Normal", "Started", f"started container {self.spec.name} (pid {self.process.pid})")
        return await self._watch(self.process)

    async def _watch(self, process: Process) -> int:
        since = json.loads(self._record.read_text())["since"]
        self._set(state={"running": {"startedAt": since}})
        probing = asyncio.create_task(self._probe(process))
        try:
            code = await processes.exited(process)
        finally:
            probing.cancel()
        # Kill its child processes that still run, for example the Envoy of a pilot-agent.
        process.signal_group(processes.KILL)
        exit_code = 137 if code is None else 128 - code if code < 0 else code
        ended = {
            "exitCode": exit_code,
            "reason": "Completed" if exit_code == 0 else "Error",
            "startedAt": since,
            "finishedAt": now(),
        }
        self.last_state = {"terminated": ended}
        self._set(state={"terminated": ended}, ready=False, started=False)
        return exit_code

    async def _probe(self, process: Process) -> None:
        if self.spec.startupProbe and not self.started:
            await self._wait_until_healthy(self.spec.startupProbe, process)
        self._set(started=True, ready=self.ready or self.spec.readinessProbe is None)
        self._startup.set()
        async with asyncio.TaskGroup() as group:
            if self.spec.readinessProbe:
                group.create_task(self._watch_readiness(self.spec.readinessProbe))
            if self.spec.livenessProbe:
                group.create_task(self._watch_liveness(self.spec.livenessProbe, process))

    async def _wait_until_healthy(self, probe: Probe, process: Process) -> None:
        failures = 0
        await asyncio.sleep(probe.initialDelaySeconds or 0)
        while problem := await self._check(probe):
            failures += 1
            if failures >= (probe.failureThreshold or 3):
                await self._kill_unhealthy("startup", problem, process)
            await asyncio.sleep(min(probe.periodSeconds or 10, 0.2 * 2 ** min(failures, 3)))

    async def _watch_readiness(self, probe: Probe) -> None:
        failures = 0
        while True:
            problem = await self._check(probe)
            failures = failures + 1 if problem else 0
            if not problem:
                self._set(ready=True)
            elif self.ready and failures >= (probe.failureThreshold or 3):
                self.hooks.event("Warning", "Unhealthy", f"readiness of {self.spec.name}: {problem}")
                self._set(ready=False)
            # Until it is ready, probe more often than the manifest asks for, so that the mesh starts quickly.
            await asyncio.sleep((probe.periodSeconds or 10) if self.ready else 0.2)

    async def _watch_liveness(self, probe: Probe, process: Process) -> None:
        failures = 0
        await asyncio.sleep(probe.initialDelaySeconds or 0)
        while True:
            problem = await self._check(probe)
            failures = failures + 1 if problem else 0
            if problem and failures >= (probe.failureThreshold or 3):
                await self._kill_unhealthy("liveness", problem, process)
            await asyncio.sleep(probe.periodSeconds or 10)

    async def _kill_unhealthy(self, probe_name: str, problem: str, process: Process) -> None:
        self.hooks.event(
            "Warning", "Unhealthy", f"{probe_name} probe of {self.spec.name} failed, restarting it: {problem}"
        )
        process.signal(processes.TERM)
        await asyncio.sleep(self.sandbox.spec.terminationGracePeriodSeconds or 30)
        process.signal_group(processes.KILL)

    async def _check(self, probe: Probe) -> str | None:
        env = self._launch.env if self._launch else dict(os.environ)
        return await check(probe, self.spec, self.sandbox.ip, self.sandbox.folder, env)

    async def _pre_stop(self) -> None:
        hook = self.spec.lifecycle.preStop if self.spec.lifecycle else None
        if not hook:
            return
        launch = self._launch or await self.hooks.launch(self.spec)
        if launch.pre_stop:
            async with aiohttp.ClientSession() as session:
                try:
                    await (await session.post(launch.pre_stop)).read()
                except aiohttp.ClientError as error:
                    self.hooks.event("Warning", "FailedPreStopHook", f"{launch.pre_stop}: {error}")
        elif hook.exec and hook.exec.command:
            process = await asyncio.create_subprocess_exec(*hook.exec.command, cwd=self.sandbox.folder, env=launch.env)
            await process.wait()
        if hook.sleep:
            await asyncio.sleep(hook.sleep.seconds)

    def _adopt(self) -> Process | None:
        try:
            saved = json.loads(self._record.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        self.process = Process(saved["pid"], saved["started"])
        alive = self.process.alive()
        self.restarts = saved["restarts"] + (not alive)
        # It was ready before, so it counts as ready until a probe fails. This keeps it in its Services meanwhile.
        self.ready = self.started = alive
        if alive:
            self.state = {"running": {"startedAt": saved["since"]}}
        return self.process if alive else None

    @property
    def _record(self) -> Path:
        return self.sandbox.folder / "containers" / f"{self.spec.name}.json"

    def _log(self, run: int) -> Path:
        return log_file(self.sandbox.folder, self.spec.name, run)

    def _set(self, **changes: Any) -> None:  # noqa: ANN401  # values of this object's fields
        if any(getattr(self, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(self, name, value)
            self.hooks.changed()


def log_file(folder: Path, container: str, run: int) -> Path:
    """Return the log file of one run of a container; the first run has number 0."""
    return folder / "logs" / container / f"{run}.log"
