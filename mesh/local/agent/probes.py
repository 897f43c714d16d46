"""Startup, readiness and liveness probes of one run of a container."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lightkube.models.core_v1 import GRPCAction, Probe

from mesh.local.agent.handlers import RedirectWarning, Target, UnhealthyError

FIRST_INTERVAL_SECONDS = 0.2
"""Until a container has started, or is ready, it is probed more often than its manifest asks, to start quickly."""


@dataclass
class Prober:
    """Probes one run of a container until it is cancelled."""

    target: Target
    set: Callable[..., None]
    """Changes `ready` and `started` of the container."""
    event: Callable[[str, str, str], None]
    kill: Callable[[Probe, str], Awaitable[None]]
    """Stops the container, which is then restarted."""

    async def run(self, *, started: bool) -> None:
        """Wait for the startup probe unless the container has started before, then run the other two."""
        spec = self.target.spec
        if spec.startupProbe and not started:
            await self._watch(spec.startupProbe, "Startup")
        self.set(started=True)
        if not spec.readinessProbe:
            self.set(ready=True)
        async with asyncio.TaskGroup() as group:
            if spec.readinessProbe:
                group.create_task(self._watch(spec.readinessProbe, "Readiness"))
            if spec.livenessProbe:
                group.create_task(self._watch(spec.livenessProbe, "Liveness"))

    async def _watch(self, probe: Probe, name: str) -> None:
        """Probe for ever; as a startup probe, until it succeeds."""
        period, required = probe.periodSeconds or 10, probe.successThreshold or 1
        successes = failures = attempts = 0
        counted = float("-inf")
        ready, clock = name == "Liveness", asyncio.get_running_loop().time
        await asyncio.sleep(probe.initialDelaySeconds or 0)
        while True:
            problem = await self._check(probe)
            attempts += 1
            if not problem:
                successes, failures = successes + 1, 0
            elif clock() - counted >= period:  # extra probes count no failures
                successes, failures, counted = 0, failures + 1, clock()
            if successes >= required and name != "Liveness":
                if name == "Startup":
                    return
                ready = True
                self.set(ready=True)
            if problem and failures >= (probe.failureThreshold or 3):
                self.event("Warning", "Unhealthy", f"{name} probe failed: {problem}")
                if name == "Readiness":
                    ready = False
                    self.set(ready=False)
                else:
                    await self.kill(probe, name)
            eager = FIRST_INTERVAL_SECONDS * (2 ** min(attempts, 3) if name == "Startup" else 1)
            await asyncio.sleep(period if ready else min(period, eager))

    async def _check(self, probe: Probe) -> str | None:
        """Probe once. Return None if the container is healthy, else the problem."""
        seconds = probe.timeoutSeconds or 1
        try:
            async with asyncio.timeout(seconds):
                await self._probe(probe)
        except RedirectWarning as warning:
            self.event("Warning", "ProbeWarning", str(warning))
        except TimeoutError:
            return f"timed out after {seconds}s"
        except UnhealthyError as error:
            return str(error)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        except (OSError, aiohttp.ClientError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return None

    async def _probe(self, probe: Probe) -> None:
        target = self.target
        if probe.httpGet:
            await target.get(probe.httpGet)
        if probe.tcpSocket:
            port = target.port(probe.tcpSocket.port)
            _, writer = await asyncio.open_connection(probe.tcpSocket.host or target.address, port)
            writer.close()
        if probe.grpc:
            await self._check_health(probe.grpc)
        if probe.exec and probe.exec.command:
            await target.execute(probe.exec.command)

    async def _check_health(self, action: GRPCAction) -> None:
        async with grpc.aio.insecure_channel(f"{self.target.address}:{action.port}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its published types have no methods
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=action.service or ""))
        if reply.status != health_pb2.HealthCheckResponse.SERVING:
            raise UnhealthyError(f"health is {health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)}")
