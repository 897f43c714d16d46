"""One container: start or adopt its process, probe it, restart it with back-off, stop it."""

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

FIRST_DELAY, LONGEST_DELAY, STEADY = 1.0, 30.0, 60.0
"""Back-off of restarts in seconds: at once, then 1, 2, 4 … 30; forgotten after a steady run."""


def now() -> str:
    """This moment as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Hooks:
    """What a container asks of its Pod."""

    launch: Callable[[Container], Awaitable[Launch]]
    changed: Callable[[], None]
    event: Callable[[str, str, str], None]
    """(type `Normal` or `Warning`, reason, message)"""


@dataclass
class Runner:
    """Runs one container. Its public fields are what the Pod's status tells of it."""

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
    """What an earlier agent started, when it still runs."""
    _launch: Launch | None = None
    _stopping: bool = False
    _up: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Adopt first: what is told of the container from now on is true."""
        self.adopted = self._adopt()

    async def run(self, restart: str) -> int:
        """Run until the container ends for good; restart says when it does not: Always, OnFailure or Never."""
        if restart == "Never" and self.process and not self.adopted:
            return self._lost()
        delay = 0.0
        while True:
            began = asyncio.get_running_loop().time()
            code = await (self._watch(self.adopted) if self.adopted else self._start())
            self.adopted = None
            if self._stopping or restart == "Never" or (restart == "OnFailure" and code == 0):
                self._set(ready=False, started=False)
                return code
            delay = 0.0 if asyncio.get_running_loop().time() - began > STEADY else delay
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
            delay = min(max(delay * 2, FIRST_DELAY), LONGEST_DELAY)
            self.restarts += 1

    def _lost(self) -> int:
        """It ended while no agent looked: nobody knows how, and what is done once is not done twice."""
        since = json.loads(self._record.read_text())["since"]
        ended = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": since, "finishedAt": now()}
        self.restarts -= 1
        self._set(state={"terminated": ended})
        return 137

    async def up(self) -> None:
        """Wait until the container has started (its startup probe, if any, has passed)."""
        await self._up.wait()

    async def stop(self, grace: float, turn: asyncio.Event | None = None) -> None:
        """End it: preStop hook, SIGTERM (when its turn has come), and SIGKILL when the grace (seconds) is over."""
        self._stopping = True
        process = self.process
        if process is None or not process.alive():
            return
        self.hooks.event("Normal", "Killing", f"stopping container {self.spec.name}")
        try:
            async with asyncio.timeout(grace):
                await self._pre_stop()
                if turn:
                    await turn.wait()
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
        # What it started and left behind (pilot-agent's Envoy, say) goes with it.
        process.signal_group(processes.KILL)
        shown = 137 if code is None else 128 - code if code < 0 else code
        ended = {
            "exitCode": shown,
            "reason": "Completed" if shown == 0 else "Error",
            "startedAt": since,
            "finishedAt": now(),
        }
        self.last_state = {"terminated": ended}
        self._set(state={"terminated": ended}, ready=False, started=False)
        return shown

    async def _probe(self, process: Process) -> None:
        if self.spec.startupProbe and not self.started:
            await self._until(self.spec.startupProbe, process, kill_after_failures=True)
        self._set(started=True, ready=self.ready or self.spec.readinessProbe is None)
        self._up.set()
        async with asyncio.TaskGroup() as group:
            if self.spec.readinessProbe:
                group.create_task(self._readiness(self.spec.readinessProbe))
            if self.spec.livenessProbe:
                group.create_task(self._liveness(self.spec.livenessProbe, process))

    async def _until(self, probe: Probe, process: Process, *, kill_after_failures: bool) -> None:
        failures = 0
        await asyncio.sleep(probe.initialDelaySeconds or 0)
        while problem := await self._check(probe):
            failures += 1
            if kill_after_failures and failures >= (probe.failureThreshold or 3):
                await self._unhealthy("startup", problem, process)
            await asyncio.sleep(min(probe.periodSeconds or 10, 0.2 * 2 ** min(failures, 3)))

    async def _readiness(self, probe: Probe) -> None:
        failures = 0
        while True:
            problem = await self._check(probe)
            failures = failures + 1 if problem else 0
            if not problem:
                self._set(ready=True)
            elif self.ready and failures >= (probe.failureThreshold or 3):
                self.hooks.event("Warning", "Unhealthy", f"readiness of {self.spec.name}: {problem}")
                self._set(ready=False)
            # Not ready yet: look more often than the manifest says, so that a mesh on one machine comes up at once.
            await asyncio.sleep((probe.periodSeconds or 10) if self.ready else 0.2)

    async def _liveness(self, probe: Probe, process: Process) -> None:
        failures = 0
        await asyncio.sleep(probe.initialDelaySeconds or 0)
        while True:
            problem = await self._check(probe)
            failures = failures + 1 if problem else 0
            if problem and failures >= (probe.failureThreshold or 3):
                await self._unhealthy("liveness", problem, process)
            await asyncio.sleep(probe.periodSeconds or 10)

    async def _unhealthy(self, which: str, problem: str, process: Process) -> None:
        self.hooks.event("Warning", "Unhealthy", f"{which} probe of {self.spec.name} failed, restarting it: {problem}")
        process.signal(processes.TERM)
        await asyncio.sleep(self.sandbox.spec.terminationGracePeriodSeconds or 30)
        process.signal_group(processes.KILL)

    async def _check(self, probe: Probe) -> str | None:
        env = self._launch.env if self._launch else dict(os.environ)
        return await check(probe, self.spec, self.sandbox.ip, self.sandbox.folder, env)

    async def _pre_stop(self) -> None:
        hook = self.spec.lifecycle.preStop if self.spec.lifecycle else None
        if hook and hook.sleep:
            await asyncio.sleep(hook.sleep.seconds)
        if hook and hook.exec:
            launch = self._launch or await self.hooks.launch(self.spec)
            if launch.pre_stop:
                async with aiohttp.ClientSession() as session:
                    try:
                        await (await session.post(launch.pre_stop)).read()
                    except aiohttp.ClientError as error:
                        self.hooks.event("Warning", "FailedPreStopHook", f"{launch.pre_stop}: {error}")
            elif hook.exec.command:
                process = await asyncio.create_subprocess_exec(
                    *hook.exec.command, cwd=self.sandbox.folder, env=launch.env
                )
                await process.wait()

    def _adopt(self) -> Process | None:
        try:
            saved = json.loads(self._record.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        self.process = Process(saved["pid"], saved["started"])
        alive = self.process.alive()
        self.restarts = saved["restarts"] + (not alive)
        # It served before and was not seen to fail: it counts as ready until a probe says otherwise, so calls go on.
        self.ready = self.started = alive
        if alive:
            self.state = {"running": {"startedAt": saved["since"]}}
        return self.process if alive else None

    @property
    def _record(self) -> Path:
        return self.sandbox.folder / "containers" / f"{self.spec.name}.json"

    def _log(self, restart: int) -> Path:
        return log_file(self.sandbox.folder, self.spec.name, restart)

    def _set(self, **changes: Any) -> None:  # noqa: ANN401 - values of this object's own fields
        if any(getattr(self, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(self, name, value)
            self.hooks.changed()


def log_file(folder: Path, container: str, restart: int) -> Path:
    """A container's log: one file for each of its runs."""
    return folder / "logs" / container / f"{restart}.log"
