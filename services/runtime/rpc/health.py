"""Health checks, whose watches end when the process stops."""

import asyncio
from typing import Any

from grpc_health.v1 import health, health_pb2
from typing_extensions import override

SERVING = health_pb2.HealthCheckResponse.SERVING


class HealthServicer(health.aio.HealthServicer):
    """The health of the process and of its services.

    The package's own servicer never ends a watch, so one watcher would hold a stopping process until its calls are cut
    off. Set `stopping` after `enter_graceful_shutdown`: each watch ends as soon as it has sent NOT_SERVING.
    """

    def __init__(self, stopping: asyncio.Event) -> None:
        super().__init__()
        self._stopping = stopping

    @override
    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        watcher: Any = _Watcher(context)
        watch = asyncio.create_task(super().Watch(request, watcher))
        stop = asyncio.create_task(self._end(watcher))
        try:
            await asyncio.wait({watch, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watch, stop):
                task.cancel()
            await asyncio.gather(watch, stop, return_exceptions=True)
        if not watch.cancelled():
            watch.result()

    async def _end(self, watcher: "_Watcher") -> None:
        await self._stopping.wait()
        await watcher.not_serving.wait()


class _Watcher:
    """The context of a watch, as far as the package's servicer uses it. It notes the last status that was sent."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401  # the published type is that of synchronous servers
        self._context = context
        self.not_serving = asyncio.Event()

    async def write(self, response: health_pb2.HealthCheckResponse) -> None:
        await self._context.write(response)
        if response.status == SERVING:
            self.not_serving.clear()
        else:
            self.not_serving.set()
