"""Startup, readiness and liveness probes."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lightkube.models.core_v1 import Container, Probe


def _port(container: Container, port: int | str | None) -> int:
    """Return the number of a port that is given by number or by its name in the container."""
    if isinstance(port, int) or (port and port.isdigit()):
        return int(port)
    return next((p.containerPort for p in container.ports or [] if p.name == port), 0)


async def check(probe: Probe, container: Container, address: str, folder: Path, env: dict[str, str]) -> str | None:
    """Probe once. Return None if the container is healthy, else the problem."""
    try:
        async with asyncio.timeout(probe.timeoutSeconds or 1):
            return await _check(probe, container, address, folder, env)
    except (OSError, aiohttp.ClientError, grpc.RpcError) as error:
        return f"{type(error).__name__}: {error}"


async def _check(probe: Probe, container: Container, address: str, folder: Path, env: dict[str, str]) -> str | None:
    if probe.httpGet:
        target = probe.httpGet
        location = f"{target.host or address}:{_port(container, target.port)}{target.path or '/'}"
        url = f"{(target.scheme or 'HTTP').lower()}://{location}"
        # Like the kubelet, a probe does not verify the certificate: it checks health, not identity.
        context = ssl._create_unverified_context() if url.startswith("https") else False  # noqa: S323, SLF001
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context, allow_redirects=False) as reply:
            return None if reply.status < 400 else f"HTTP {reply.status} from {url}"
    if probe.tcpSocket:
        _, writer = await asyncio.open_connection(
            probe.tcpSocket.host or address, _port(container, probe.tcpSocket.port)
        )
        writer.close()
        return None
    if probe.grpc:
        async with grpc.aio.insecure_channel(f"{address}:{probe.grpc.port}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its published types have no methods
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=probe.grpc.service or ""))
            serving = reply.status == health_pb2.HealthCheckResponse.SERVING
            return None if serving else f"health is {health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)}"
    if probe.exec and probe.exec.command:
        process = await asyncio.create_subprocess_exec(
            *probe.exec.command,
            cwd=folder,
            env=env,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        return None if code == 0 else f"exit code {code}"
    return None
