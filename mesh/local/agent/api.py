"""Requests to the API server for a Pod: ConfigMaps and Secrets, events, the final delete."""

import asyncio
import base64
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
from mesh.local.agent.environment import Data
from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import NODE_NAME

logger = logging.getLogger(__name__)
EVENT_INTERVAL_SECONDS = 10.0


class Api:
    """The API server, for everything but a Pod's status."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self._background: set[asyncio.Task[None]] = set()
        self._sent: dict[tuple[str, str, str], float] = {}

    async def lookup(self, kind: str, namespace: str, name: str) -> Data | None:
        """Return the data of a ConfigMap or Secret; None if it does not exist. `kind` is `configmaps` or `secrets`."""
        try:
            if kind == "configmaps":
                found = await self.client.get(ConfigMap, name, namespace=namespace)
                return Data(found.data or {}, _decode(found.binaryData))
            secret = _decode((await self.client.get(Secret, name, namespace=namespace)).data)
            return Data({key: value.decode(errors="surrogateescape") for key, value in secret.items()})
        except ApiError as error:
            if error.status.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def event(self, sandbox: Sandbox, kind: str, reason: str, message: str) -> None:
        """Create an event of a Pod, which `kubectl describe` shows. Repetitions within 10 s are dropped."""
        key, time = (sandbox.uid, reason, message), asyncio.get_running_loop().time()
        if time - self._sent.get(key, -EVENT_INTERVAL_SECONDS) < EVENT_INTERVAL_SECONDS:
            return
        self._sent[key] = time
        logger.info("%s/%s %s: %s", sandbox.namespace, sandbox.name, reason, message)
        pod = ObjectReference(
            apiVersion="v1", kind="Pod", name=sandbox.name, namespace=sandbox.namespace, uid=sandbox.uid
        )
        event = Event(
            involvedObject=pod,
            metadata=ObjectMeta(generateName=f"{sandbox.name[:50]}.", namespace=sandbox.namespace),
            type=kind,
            reason=reason,
            message=message[:1000],
            source=EventSource(component="kubelet", host=NODE_NAME),
            firstTimestamp=now(),  # type: ignore[arg-type]  # the model's type is datetime, the wire format is text
            lastTimestamp=now(),  # type: ignore[arg-type]
            count=1,
        )
        self.spawn(self._create(event))

    async def delete(self, sandbox: Sandbox) -> None:
        """Delete a Pod that has stopped, and its Sidecar. Retry until the API server responds."""
        while True:
            try:
                pod = await self._find(sandbox)
                # Another Pod may have this name by now, for example that of a StatefulSet.
                ours = pod is not None and pod.metadata is not None and pod.metadata.uid == sandbox.uid
                if sandbox.meshed and (ours or not pod):
                    await endpoints.delete_sidecar(self.client, sandbox)
                if ours:
                    await self.client.delete(Pod, sandbox.name, namespace=sandbox.namespace, grace_period=0)
            except httpx2.HTTPError as error:
                if not isinstance(error, ApiError):
                    await asyncio.sleep(0.5)
                    continue
                if error.status.code != HTTPStatus.NOT_FOUND:
                    logger.warning("could not delete %s: %s", sandbox.name, error)
            return

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task in the background. The reference protects it: the event loop has none."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _find(self, sandbox: Sandbox) -> Pod | None:
        try:
            return await self.client.get(Pod, sandbox.name, namespace=sandbox.namespace)
        except ApiError as error:
            if error.status.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def _create(self, event: Event) -> None:
        try:
            await self.client.create(event)
        except httpx2.HTTPError as error:
            logger.debug("event lost: %s", error)


def _decode(data: dict[str, str] | None) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (data or {}).items()}
