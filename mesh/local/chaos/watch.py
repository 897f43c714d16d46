"""Looks at the cluster again and again: whether every workload has the Pods that it had, ready."""

import asyncio
import time
from collections.abc import AsyncIterable
from types import TracebackType
from typing import Any, Self

import httpx2
from lightkube import ALL_NS, AsyncClient, KubeConfig
from lightkube.resources.apps_v1 import Deployment, StatefulSet

from mesh.local.instance import Instance

PERIOD, PATIENCE = 0.3, 1.5
SILENT = "the Kubernetes API does not answer"


class Watch:
    """Watches for the length of a block. `missing` is who lacks ready Pods just now; `seen` all that was, and when."""

    def __init__(self, instance: Instance) -> None:
        self.missing: str = "nobody has looked yet"
        self.seen: list[tuple[float, str]] = []
        self._client = AsyncClient(config=KubeConfig.from_file(instance.kubeconfig).get(), trust_env=False)
        self._wanted: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin: as many Pods as are wanted now are wanted until the end."""
        self._wanted = {name: wanted for name, (wanted, _) in (await self._look()).items()}
        self._task = asyncio.create_task(self._keep_looking())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        if self._task:
            self._task.cancel()
        await self._client.close()

    async def _keep_looking(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    found = await self._look()
            except (TimeoutError, httpx2.HTTPError):
                self.missing = SILENT
            else:
                lacking = [name for name, wanted in self._wanted.items() if found.get(name, (0, 0))[1] < wanted]
                self.missing = ", ".join(lacking)
            if self.missing:
                self.seen.append((time.monotonic(), self.missing))
            await asyncio.sleep(PERIOD)

    async def _look(self) -> dict[str, tuple[int, int]]:
        """Answer how many Pods each workload wants, and how many of them are ready."""
        found: dict[str, tuple[int, int]] = {}
        listings: list[AsyncIterable[Any]] = [
            self._client.list(kind, namespace=ALL_NS) for kind in (Deployment, StatefulSet)
        ]
        for listing in listings:
            async for each in listing:
                found[each.metadata.name] = (each.spec.replicas, each.status.readyReplicas or 0)
        return found
