"""Watches the cluster for workloads that have fewer ready Pods than before."""

import asyncio
import time
from collections.abc import AsyncIterable
from types import TracebackType
from typing import Any, Self

import httpx2
from lightkube import ALL_NS, AsyncClient, KubeConfig
from lightkube.resources.apps_v1 import Deployment, StatefulSet

from mesh.local.instance import Instance

POLL_INTERVAL_SECONDS, POLL_TIMEOUT_SECONDS = 0.3, 1.5
API_SILENT = "the Kubernetes API does not respond"


class Watch:
    """Watches while its context is open.

    `missing` names the workloads that lack ready Pods now; `seen` has every time at which some were missing, and which.
    """

    def __init__(self, mesh: Instance) -> None:
        self.missing: str = "the workloads were not checked yet"
        self.seen: list[tuple[float, str]] = []
        self._client = AsyncClient(config=KubeConfig.from_file(mesh.kubeconfig).get(), trust_env=False)
        self._replicas: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start. The replicas of now are the expected number until the end."""
        self._replicas = {name: replicas for name, (replicas, _) in (await self._poll()).items()}
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        if self._task:
            self._task.cancel()
        await self._client.close()

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_TIMEOUT_SECONDS):
                    current = await self._poll()
            except (TimeoutError, httpx2.HTTPError):
                self.missing = API_SILENT
            else:
                expected = self._replicas.items()
                lacking = [name for name, replicas in expected if current.get(name, (0, 0))[1] < replicas]
                self.missing = ", ".join(lacking)
            if self.missing:
                self.seen.append((time.monotonic(), self.missing))
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    async def _poll(self) -> dict[str, tuple[int, int]]:
        """Return for each workload its replicas, and how many of them are ready."""
        found: dict[str, tuple[int, int]] = {}
        listings: list[AsyncIterable[Any]] = [
            self._client.list(resource, namespace=ALL_NS) for resource in (Deployment, StatefulSet)
        ]
        for listing in listings:
            async for each in listing:
                found[each.metadata.name] = (each.spec.replicas, each.status.readyReplicas or 0)
        return found
