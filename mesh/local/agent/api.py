"""The agent's few words with the API server: look-ups, events, the last delete."""

import asyncio
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Event, Pod, Secret

from mesh.local.agent import endpoints
from mesh.local.agent.container import now
from mesh.local.agent.environment import decode_secret
from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import NODE_NAME

log = logging.getLogger("agent.api")


class Api:
    """What Pods need of the API server, besides their status."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self._background: set[asyncio.Task[None]] = set()
        self._told: dict[tuple[str, str, str], float] = {}

    async def lookup(self, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        """The data of a ConfigMap or Secret; None when there is none."""
        try:
            if kind == "configmaps":
                return (await self.client.get(ConfigMap, name, namespace=namespace)).data or {}
            return decode_secret((await self.client.get(Secret, name, namespace=namespace)).data or {})
        except ApiError as error:
            if error.status.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def event(self, sandbox: Sandbox, kind: str, reason: str, message: str) -> None:
        """Tell of something that happened to a Pod (`kubectl describe` shows it); the same words once in 10 s."""
        log.info("%s/%s %s: %s", sandbox.namespace, sandbox.name, reason, message)
        key, moment = (sandbox.uid, reason, message), asyncio.get_running_loop().time()
        if moment - self._told.get(key, -10.0) < 10:
            return
        self._told[key] = moment
        about = ObjectReference(
            apiVersion="v1", kind="Pod", name=sandbox.name, namespace=sandbox.namespace, uid=sandbox.uid
        )
        event = Event(
            involvedObject=about,
            metadata=ObjectMeta(generateName=f"{sandbox.name[:50]}.", namespace=sandbox.namespace),
            type=kind,
            reason=reason,
            message=message[:1000],
            source=EventSource(component="kubelet", host=NODE_NAME),
            firstTimestamp=now(),  # type: ignore[arg-type]  # the model says datetime, the wire takes the text
            lastTimestamp=now(),  # type: ignore[arg-type]
            count=1,
        )
        self.spawn(self._send(event))

    async def forget(self, sandbox: Sandbox) -> None:
        """Delete the Pod and its Sidecar, now that nothing of it is left; again until the API server has heard it."""
        while True:
            try:
                if sandbox.meshed:
                    await endpoints.unlisten(self.client, sandbox)
                found = await self.client.get(Pod, sandbox.name, namespace=sandbox.namespace)
                if found.metadata and found.metadata.uid == sandbox.uid:
                    await self.client.delete(Pod, sandbox.name, namespace=sandbox.namespace, grace_period=0)
            except httpx2.HTTPError as error:
                if not isinstance(error, ApiError):
                    await asyncio.sleep(0.5)
                    continue
                if error.status.code != HTTPStatus.NOT_FOUND:
                    log.warning("could not delete %s: %s", sandbox.name, error)
            return

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run in the background, holding a reference (the loop itself holds none)."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _send(self, event: Event) -> None:
        try:
            await self.client.create(event)
        except httpx2.HTTPError as error:
            log.debug("event lost: %s", error)
