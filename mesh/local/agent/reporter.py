"""Reports the status of a Pod to the API, and makes the Pod an endpoint of its Services while it is ready."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import httpx2
import msgspec
from lightkube import ApiError, AsyncClient
from lightkube.resources.core_v1 import Pod, PodStatus
from lightkube.types import PatchType

from mesh.local.agent import endpoints, status
from mesh.local.agent.container import Runner
from mesh.local.agent.sandbox import Sandbox

logger = logging.getLogger(__name__)
KINDS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


class Reporter:
    """The status of one Pod. Static Pods have only a mirror in the API."""

    def __init__(self, sandbox: Sandbox, client: AsyncClient, runners: dict[str, Runner], *, static: bool) -> None:
        self._sandbox, self._client, self._runners, self._static = sandbox, client, runners, static
        self.state = status.PodState()
        self._reported_ready: bool | None = None
        self._withdrawn = False
        self._changed = asyncio.Event()
        self._changed.set()

    def report(self) -> None:
        """Report the status again."""
        self._changed.set()

    def restore(self, pod: Pod) -> None:
        """Continue with the status that an earlier agent has reported."""
        reported = _reported(pod)
        if reported.get("phase") == "Failed":
            self.state.failure = {key: reported[key] for key in ("reason", "message") if reported.get(key)}
        self.state.since |= {"start": reported["startTime"]} if "startTime" in reported else {}
        for condition in reported.get("conditions", []):
            self.state.gates[condition["type"]] = condition["status"]
            if "lastTransitionTime" in condition:
                self.state.since[condition["type"]] = f"{condition['status']}@{condition['lastTransitionTime']}"
        for name in self._runners:
            self.restore_container(pod, name)

    def restore_container(self, pod: Pod, name: str) -> None:
        """Continue with the reported status of one container."""
        reported = _reported(pod)
        for container in (each for kind in KINDS for each in reported.get(kind, [])):
            if container["name"] == name:
                self._runners[name].restore(container)

    def compare(self, pod: Pod) -> None:
        """Report again if the Pod's readiness gates have changed, or if another has changed its readiness."""
        conditions = {c.type: c.status for c in (pod.status.conditions if pod.status else None) or []}
        gates = {gate.conditionType for gate in self._sandbox.spec.readinessGates or []}
        if any(conditions.get(gate) != self.state.gates.get(gate) for gate in gates):
            self._changed.set()
        self.state.gates = conditions
        # The node controller may have changed it.
        if self._reported_ready is not None and conditions.get("Ready") != str(self._reported_ready):
            self._changed.set()

    async def withdraw(self) -> None:
        """Remove the Pod from its Services for good."""
        self._withdrawn = True
        self._changed.set()
        if not self._sandbox.published:
            return
        try:
            await endpoints.withdraw(self._client, self._sandbox)
        except httpx2.HTTPError as error:
            logger.warning("%s could not be removed from its Services: %s", self._sandbox.name, error)

    async def run(self) -> None:
        """Report every change of the containers to the API, and retry while it is unavailable."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._send()
            except httpx2.HTTPError as error:
                gone = isinstance(error, ApiError) and error.status.code in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
                if gone and not self._static:
                    return
                await asyncio.sleep(0.5)
                self._changed.set()

    async def _send(self) -> None:
        self._reported_ready = status.is_ready(self._status())
        if self._sandbox.published:
            serving = self._reported_ready and not self._withdrawn
            await (endpoints.publish if serving else endpoints.withdraw)(self._client, self._sandbox)
        await self._patch()

    async def _patch(self) -> None:
        patch: dict[str, Any] = {"status": self._status()}
        if not self._static:
            # Another Pod may have this name by now, for example that of a StatefulSet: then this is a conflict.
            patch["metadata"] = {"uid": self._sandbox.uid}
        await self._client.patch(
            PodStatus, self._sandbox.name, patch, namespace=self._sandbox.namespace, patch_type=PatchType.STRATEGIC
        )

    def _status(self) -> dict[str, Any]:
        return status.build(self._sandbox, self._runners, self.state)

    async def send_last(self) -> None:
        """Report how the Pod has ended. Who waits for it, such as its Job, learns this before it is gone."""
        try:
            await self._patch()
        except httpx2.HTTPError as error:
            logger.debug("%s: the last status was not sent: %s", self._sandbox.name, error)


def _reported(pod: Pod) -> dict[str, Any]:
    """Return the status of a Pod as JSON, with times as text."""
    reported: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(pod.status.to_dict() if pod.status else {}))
    return reported
