"""The node agent's process: static Pods first, then whatever the API server binds to this node.

It may die at any time: containers go on without it, and the next agent adopts them.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from http import HTTPStatus
from pathlib import Path

import httpx2
import msgspec
import yaml
from lightkube import ALL_NS, ApiError, AsyncClient, KubeConfig
from lightkube.core.client import FieldSelector
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from mesh.local import instance as instances
from mesh.local.agent import endpoints, kubelet_api, node
from mesh.local.agent.api import Api
from mesh.local.agent.pod import PodWorker, erase
from mesh.local.agent.sandbox import NodeFullError, place
from mesh.local.instance import NODE_NAME, Instance
from mesh.local.processes import Process

log = logging.getLogger("agent")
MANIFESTS = Path(__file__).parents[1] / "control_plane/static_pods"
MIRROR = "kubernetes.io/config.mirror"
LOG_LIMIT = 20 * 2**20
"""Bytes after which a container's log is cut (to its newest half)."""


class Agent:
    """The Pods of this node, each with its worker, by uid."""

    def __init__(self, instance: Instance, client: AsyncClient) -> None:
        self._instance, self._api = instance, Api(client)
        self._workers: dict[str, PodWorker] = {}
        self._static = {str(pod.metadata and pod.metadata.uid): pod for pod in _static_pods()}

    async def run(self) -> None:
        """Play the node until cancelled; its containers stay."""
        for uid, pod in self._static.items():
            self._workers[uid] = PodWorker(place(self._instance, pod), self._api, static=True)
        client = self._api.client
        async with asyncio.TaskGroup() as group:
            group.create_task(kubelet_api.serve(self._instance, self._find))
            group.create_task(node.keep(client, self._instance))
            group.create_task(self._mirrors())
            group.create_task(self._pods())
            group.create_task(self._sidecars())
            group.create_task(self._trim_logs())

    def _find(self, namespace: str, name: str) -> PodWorker | None:
        found = ((worker, worker.sandbox) for worker in self._workers.values())
        return next((worker for worker, box in found if (box.namespace, box.name) == (namespace, name)), None)

    async def _pods(self) -> None:
        """List, then watch; begin anew whenever the watch breaks."""
        fields: FieldSelector = {"spec.nodeName": NODE_NAME}
        while True:
            try:
                listing = self._api.client.list(Pod, namespace=ALL_NS, fields=fields)
                pods = [pod async for pod in listing]
                self._begin(pods)
                await endpoints.sweep(self._api.client, pods)
                async for event, pod in self._api.client.watch(
                    Pod, namespace=ALL_NS, fields=fields, resource_version=listing.resourceVersion
                ):
                    self._handle(pod, deleted=event == "DELETED")
            except httpx2.HTTPError as error:
                log.debug("pods: %s", error)
                await asyncio.sleep(0.25)

    def _begin(self, pods: list[Pod]) -> None:
        known = {str(pod.metadata.uid) for pod in pods if pod.metadata} | self._static.keys()
        for uid in self._workers.keys() - known:
            self._end(uid, 0)
        for folder in self._instance.pods.glob("*/slot"):
            if folder.parent.name not in known | self._workers.keys():
                log.info("removing what is left of a Pod that is gone: %s", folder.parent.name)
                erase(folder.parent)
        for pod in pods:
            self._handle(pod, deleted=False)
        for worker in self._workers.values():
            worker.refresh_status()

    def _handle(self, pod: Pod, *, deleted: bool) -> None:
        meta, uid = pod.metadata or ObjectMeta(), str(pod.metadata and pod.metadata.uid)
        if MIRROR in (meta.annotations or {}):
            if meta.deletionTimestamp and not deleted:
                self._api.spawn(self._delete_mirror(meta))
        elif deleted:
            self._end(uid, 0)
        elif meta.deletionTimestamp:
            if uid not in self._workers:
                self._api.spawn(self._clean_up(pod))
            self._end(uid, meta.deletionGracePeriodSeconds or 0)
        elif worker := self._workers.get(uid):
            worker.compare(pod)
        elif pod.status is None or pod.status.phase not in {"Succeeded", "Failed"}:
            try:
                self._workers[uid] = PodWorker(place(self._instance, pod), self._api)
            except NodeFullError as error:
                log.warning("%s/%s: %s", meta.namespace, meta.name, error)

    def _end(self, uid: str, grace: float) -> None:
        worker = self._workers.get(uid)
        if worker and not worker.terminating:
            self._api.spawn(self._finish(uid, worker, grace))

    async def _finish(self, uid: str, worker: PodWorker, grace: float) -> None:
        await worker.terminate(grace)
        self._workers.pop(uid, None)

    async def _clean_up(self, pod: Pod) -> None:
        """A Pod that was deleted while no agent ran, or that had ended before: nothing to stop in order."""
        sandbox = place(self._instance, pod)
        erase(sandbox.folder)
        await self._api.forget(sandbox)

    async def _sidecars(self) -> None:
        """Play the cluster's Sidecars: whenever one changes, its namespace's Pods get their listeners anew."""
        while True:
            try:
                async for _, sidecar in self._api.client.watch(endpoints.Sidecar, namespace=ALL_NS):
                    meta = sidecar.metadata or ObjectMeta()
                    if endpoints.is_own(sidecar):
                        continue
                    for worker in list(self._workers.values()):
                        if worker.sandbox.namespace == meta.namespace:
                            await worker.relisten()
            except httpx2.HTTPError as error:  # also: Istio's CRDs are not there yet
                log.debug("sidecars: %s", error)
                await asyncio.sleep(1)

    async def _mirrors(self) -> None:
        """Show the static Pods in the API, as a kubelet does, and again when somebody deletes one."""
        while True:
            for pod in self._static.values():
                try:
                    await self._api.client.create(_mirror(pod))
                    self._workers[str(pod.metadata and pod.metadata.uid)].refresh_status()
                except httpx2.HTTPError as error:
                    if not isinstance(error, ApiError) or error.status.code != HTTPStatus.CONFLICT:
                        log.debug("mirror: %s", error)
                        break
            await asyncio.sleep(2)

    async def _delete_mirror(self, meta: ObjectMeta) -> None:
        try:
            await self._api.client.delete(Pod, str(meta.name), namespace=meta.namespace, grace_period=0)
        except httpx2.HTTPError as error:
            log.debug("mirror: %s", error)

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(30)
            for path in self._instance.pods.glob("*/logs/*/*.log"):
                if path.stat().st_size > LOG_LIMIT:
                    # Writers append, so they go on at the new end.
                    newest = path.read_bytes()[-LOG_LIMIT // 2 :]
                    path.write_bytes(newest.partition(b"\n")[2])


def _static_pods() -> list[Pod]:
    pods = []
    for path in sorted(MANIFESTS.glob("*.yaml")):
        pod = msgspec.convert(yaml.safe_load(path.read_text()), Pod)
        if pod.metadata and pod.spec:
            pod.metadata.uid, pod.spec.nodeName = f"static-{pod.metadata.name}", NODE_NAME
            pods.append(pod)
    return pods


def _mirror(pod: Pod) -> Pod:
    copy = msgspec.convert(pod.to_dict(), Pod)
    if copy.metadata:
        copy.metadata.annotations = {MIRROR: str(copy.metadata.uid), "kubernetes.io/config.source": "file"}
        copy.metadata.uid = None
    return copy


async def _main(instance: Instance) -> None:
    if me := Process.of(os.getpid()):
        (instance.home / "agent.json").write_text(json.dumps({"pid": me.pid, "started": me.started}))
    config = KubeConfig.from_file(instance.pki / "node-agent.kubeconfig").get()
    agent = asyncio.create_task(Agent(instance, AsyncClient(config=config, field_manager=endpoints.MANAGER)).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, agent.cancel)
    try:
        await agent
    except asyncio.CancelledError:
        log.info("the agent ends; its containers go on")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    found = instances.existing(sys.argv[1])
    if not found:
        sys.exit(f"there is no mesh instance {sys.argv[1]}")
    asyncio.run(_main(found))
