"""What probes and hooks do to a container: run a command in it, or send it an HTTP request."""

import asyncio
import os
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import aiohttp
from lightkube.models.core_v1 import Container, HTTPGetAction
from yarl import URL

from mesh.local import processes
from mesh.local.processes import Process
from mesh.local.tools import versions

MAX_OUTPUT_BYTES = 1000
MAX_REDIRECTS = 10


@cache
def _user_agent() -> str:
    return f"kube-probe/{versions()['kubectl'].lstrip('v')}"


class UnhealthyError(Exception):
    """A command or a request failed. The message says how."""


class RedirectWarning(Exception):  # noqa: N818  # a success with a remark
    """A request was redirected to another host, which is not asked: the container has responded."""


@dataclass(frozen=True)
class Target:
    """A running container."""

    spec: Container
    address: str
    folder: Path
    process: Process

    def port(self, port: int | str | None) -> int:
        """Return the number of a port that is given by number or by its name. Raises UnhealthyError."""
        if isinstance(port, int) or (port and port.isdigit()):
            return int(port)
        for declared in self.spec.ports or []:
            if declared.name == port:
                return declared.containerPort
        raise UnhealthyError(f"no port is named {port}")

    async def execute(self, command: Iterable[str]) -> None:
        """Run a command in the environment of the container, and end it with all its children if this is cancelled.

        Raises:
            UnhealthyError: it failed.
            OSError: it cannot be run.
        """
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=self.process.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await child.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, processes.KILL)
            raise
        if child.returncode:
            text = output[:MAX_OUTPUT_BYTES].decode(errors="replace").strip()
            raise UnhealthyError(f"exit code {child.returncode}" + (f": {text}" if text else ""))

    async def get(self, action: HTTPGetAction) -> None:
        """Send an HTTP request. Follow redirects on the same host.

        Raises:
            UnhealthyError: the response is an error.
            RedirectWarning: the response is a redirect to another host.
            aiohttp.ClientError, OSError: there is no response.
        """
        scheme, host = (action.scheme or "HTTP").lower(), action.host or self.address
        url = URL(f"{scheme}://{host}:{self.port(action.port)}/{(action.path or '').lstrip('/')}")
        headers = {"User-Agent": _user_agent(), "Accept": "*/*"}
        headers |= {header.name: header.value for header in action.httpHeaders or []}
        # Like the kubelet, a probe does not verify the certificate: it checks health, not identity.
        context = ssl._create_unverified_context() if scheme == "https" else False  # noqa: S323, SLF001
        async with aiohttp.ClientSession(headers=headers) as session:
            for _ in range(MAX_REDIRECTS):
                async with session.get(url, ssl=context, allow_redirects=False) as reply:
                    if reply.status >= 400:
                        raise UnhealthyError(f"HTTP probe failed with statuscode: {reply.status}")
                    if reply.status < 300 or "Location" not in reply.headers:
                        return
                    url = url.join(URL(reply.headers["Location"]))
                    if url.host != host:
                        raise RedirectWarning(f"the response is a redirect to {url}, which is not followed")
            raise UnhealthyError(f"stopped after {MAX_REDIRECTS} redirects")
