"""One container: starts or adopts its process, restarts it with back-off, stops it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from lightkube.models.core_v1 import Container, Probe

from mesh.local import processes
from mesh.local.agent import hooks, record
from mesh.local.agent.endings import is_restarted, prepare_message, read_message, terminated
from mesh.local.agent.environment import MissingReferenceError
from mesh.local.agent.handlers import Target
from mesh.local.agent.images import Launch, UnknownImageError
from mesh.local.agent.log_times import Logs
from mesh.local.agent.probes import Prober
from mesh.local.agent.record import Record
from mesh.local.agent.sandbox import Sandbox
from mesh.local.processes import Process

logger = logging.getLogger(__name__)
FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, STEADY_SECONDS = 1.0, 30.0, 60.0
"""Back-off of restarts: immediately, then after 1, 2, 4 … 30 s. A run of STEADY_SECONDS resets it."""
START_ERROR = 128
"""The exit code of a container whose program cannot be run."""
UNKNOWN = 137
"""The exit code of a process that ended while no agent watched it."""


def now() -> str:
    """Return the current time in the format of Kubernetes."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Callbacks:
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
    pod: Callbacks
    ready: bool = False
    started: bool = False
    finished: bool = False
    """It has ended and is not started again."""
    restarts: int = 0
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: dict[str, Any] = field(default_factory=dict)
    process: Process | None = None
    adopted: Process | None = None
    """The process of an earlier agent, if it still runs."""
    logs: Logs = field(init=False)
    _ended: dict[str, Any] = field(default_factory=dict)
    _record: Record | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _grace: asyncio.Timeout | None = None
    _watching: asyncio.Task[int] | None = None
    _startup: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Adopt a running process first, so that the status is correct from the start."""
        if self.sandbox.spec.initContainers:
            self.state = {"waiting": {"reason": "PodInitializing"}}
        self.logs = Logs(self.sandbox.folder / "logs" / self.spec.name)
        self._record = record.load(self._path, self.sandbox.folder, self.spec.name, now())
        if not self._record:
            return
        self.process = self._record.process
        alive = self.process.alive()
        self.restarts = self._record.restarts
        self.last_state = self._record.last
        # It was ready before, so it counts as ready until a probe fails. This keeps it in its Services meanwhile.
        self.ready = self.started = alive
        if alive:
            self.adopted, self.state = self.process, {"running": {"startedAt": self._record.since}}

    @property
    def is_sidecar(self) -> bool:
        """Whether it is an init container that runs as long as the Pod."""
        return self.spec in self.sandbox.sidecars

    @property
    def ran(self) -> bool:
        """Whether it has been started, by this agent or an earlier one."""
        return self._record is not None

    async def run(self, policy: str) -> int:
        """Run until it has ended and is not restarted. `policy` is that of the Pod: Always, OnFailure or Never."""
        if self._record and not self.adopted:
            code = self._find_end(self._record)
            if not is_restarted(self.spec, policy, code):
                return code
            self.last_state, self.finished = self._ended, False
            self.restarts += 1
        delay = 0.0
        while True:
            started = asyncio.get_running_loop().time()
            code = START_ERROR if not self.adopted and not await self._start() else await self._watch_to_the_end()
            self.adopted = None
            if self._stopping.is_set() or not is_restarted(self.spec, policy, code):
                self._set(ready=False, started=False, finished=True)
                return code
            self.last_state = self._ended
            delay = 0.0 if asyncio.get_running_loop().time() - started > STEADY_SECONDS else delay
            if delay:
                message = f"back-off {delay:.0f}s restarting container {self.spec.name}"
                self.pod.event("Warning", "BackOff", message)
                self._set(state={"waiting": {"reason": "CrashLoopBackOff", "message": message}})
                await asyncio.sleep(delay)
            delay = min(max(delay * 2, FIRST_DELAY_SECONDS), MAX_DELAY_SECONDS)
            self.restarts += 1

    async def wait_for_startup(self) -> None:
        """Wait until the container has started, and its startup probe, if any, has passed."""
        await self._startup.wait()

    async def stop(self, grace_seconds: float, may_terminate: asyncio.Event | None = None) -> None:
        """Stop it: preStop hook, SIGTERM (after the event, if there is one), SIGKILL after the grace period."""
        self._stopping.set()
        process = self.process
        if process is None or not process.alive():
            return
        self.pod.event("Normal", "Killing", f"stopping container {self.spec.name}")
        await self._terminate(process, grace_seconds, may_terminate)
        if self._watching:
            await asyncio.wait([self._watching])

    def hurry(self, grace_seconds: float) -> None:
        """Reduce the grace period of a container that is being stopped."""
        deadline = asyncio.get_running_loop().time() + grace_seconds
        if self._grace and (self._grace.when() or 0) > deadline:
            self._grace.reschedule(deadline)

    async def _terminate(self, process: Process, grace_seconds: float, may_terminate: asyncio.Event | None) -> None:
        try:
            async with asyncio.timeout(grace_seconds) as self._grace:
                await self._run_hook("preStop", process)
                if may_terminate:
                    await may_terminate.wait()
                process.signal(processes.TERM)
                await processes.gone(process)
        except TimeoutError:
            pass
        finally:
            self._grace = None
        process.signal_group(processes.KILL)

    async def _start(self) -> bool:
        """Start the process as soon as everything that it needs exists. Return False if its program cannot be run."""
        while True:
            try:
                launch = await self.pod.launch(self.spec)
                break
            except (MissingReferenceError, UnknownImageError, ValueError, httpx2.HTTPError) as error:
                unknown = isinstance(error, UnknownImageError)
                reason = "ErrImageNeverPull" if unknown else "CreateContainerConfigError"
                self._set(state={"waiting": {"reason": reason, "message": str(error)}})
                self.pod.event("Warning", "Failed", str(error) or type(error).__name__)
                await asyncio.sleep(MAX_DELAY_SECONDS if unknown else FIRST_DELAY_SECONDS)
        env = launch.env | record.marker(self.spec.name, self.restarts)
        try:
            prepare_message(self.spec, self.sandbox)
            self._directory.mkdir(parents=True, exist_ok=True)
            self.process = processes.spawn(launch.argv, env, self._directory, self.logs.of(self.restarts).path)
        except (OSError, ValueError) as error:  # ValueError: a zero byte
            self.pod.event("Warning", "Failed", str(error))
            self._end(terminated(START_ERROR, now(), now(), reason="StartError", message=str(error)))
            return False
        if self.sandbox.gives_way:
            processes.lower_priority(self.process)
        self.logs.delete(self.restarts - 2)
        process = self.process
        self._record = Record(
            process.pid, process.started, self.restarts, now(), last=self.last_state, pre_stop=launch.pre_stop
        )
        self._record.save(self._path)
        self.pod.event("Normal", "Started", f"started container {self.spec.name} (pid {self.process.pid})")
        return True

    async def _watch_to_the_end(self) -> int:
        """Watch the process in a separate task, which sees the end also after the Pod's start was cancelled."""
        self._watching = asyncio.create_task(self._watch())
        return await asyncio.shield(self._watching)

    async def _watch(self) -> int:
        process, saved = self.process, self._record
        if not process or not saved:
            raise ValueError("no process to watch")
        living = asyncio.create_task(self._live(process, saved.since))
        living.add_done_callback(self._show_fault)
        try:
            code = await processes.exited(process)
        finally:
            living.cancel()
        # Kill its child processes that still run, for example the Envoy of a pilot-agent.
        process.signal_group(processes.KILL)
        self.record_log()
        exit_code = UNKNOWN if code is None else START_ERROR - code if code < 0 else code
        message = read_message(self.spec, self.sandbox, self.logs.of(self.restarts).path, exit_code)
        self._end(terminated(exit_code, saved.since, now(), message=message))
        return exit_code

    async def _live(self, process: Process, since: str) -> None:
        """Run the postStart hook, then the probes. Without a successful hook the container is not running."""
        if not self.adopted and await self._run_hook("postStart", process):
            await self._terminate(process, self.sandbox.grace_seconds, None)
            return
        self._set(state={"running": {"startedAt": since}})
        target = self._target(process)
        await Prober(target, self._set_health, self.pod.event, lambda *why: self._kill(process, *why)).run(
            started=self.started
        )

    def _show_fault(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s: its probes failed to run", self.spec.name, exc_info=error)
            self.pod.event("Warning", "AgentFailed", f"{type(error).__name__}: {error}")

    def _set_health(self, **changes: bool) -> None:
        self._set(**changes)
        if self.started:
            self._startup.set()

    async def _kill(self, process: Process, probe: Probe, name: str) -> None:
        """Stop a container whose startup or liveness probe failed."""
        what = f"container {self.spec.name} failed {name.lower()} probe, will be restarted"
        self.pod.event("Normal", "Killing", what)
        await self._terminate(process, probe.terminationGracePeriodSeconds or self.sandbox.grace_seconds, None)

    async def _run_hook(self, name: str, process: Process) -> str | None:
        hook = getattr(self.spec.lifecycle, name) if self.spec.lifecycle else None
        if not hook:
            return None
        replacement = self._record.pre_stop if self._record and name == "preStop" else ""
        problem = await hooks.run(hook, self._target(process), replacement)
        if problem:
            self.pod.event("Warning", f"Failed{name[0].upper()}{name[1:]}Hook", problem)
        return problem

    def restore(self, status: dict[str, Any]) -> None:
        """Continue with the status that an earlier agent has reported, unless the process still runs."""
        if not self.adopted and "terminated" in status.get("state", {}):
            self.state = self._ended = status["state"]
            self.last_state, self.restarts = status.get("lastState", {}), status["restartCount"]
            self.finished = True

    def record_log(self) -> None:
        """Record how far the log has grown."""
        if self.process:
            self.logs.of(self.restarts).record()

    def is_running(self, run: int) -> bool:
        """Return whether this run still runs."""
        return self.restarts == run and self.process is not None and self.process.alive()

    def _find_end(self, saved: Record) -> int:
        """Return how a container has ended while no agent ran: as reported before, else with an unknown code."""
        if not self.finished:
            self._end(terminated(UNKNOWN, saved.since, now(), reason="ContainerStatusUnknown"))
            self._set(finished=True)
        code: int = self._ended["terminated"]["exitCode"]
        return code

    def _end(self, state: dict[str, Any]) -> None:
        self._ended = state
        self._set(state=state, ready=False, started=False, finished=self._stopping.is_set())

    @property
    def _directory(self) -> Path:
        return self.sandbox.folder / (self.spec.workingDir or "").strip("/")

    @property
    def _path(self) -> Path:
        return self.sandbox.folder / "containers" / f"{self.spec.name}.json"

    def _target(self, process: Process) -> Target:
        return Target(self.spec, self.sandbox.ip, self._directory, process)

    def _set(self, **changes: Any) -> None:  # noqa: ANN401  # values of this object's fields
        if any(getattr(self, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(self, name, value)
            self.pod.changed()
