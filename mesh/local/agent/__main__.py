"""The process of the node agent. It runs the static Pods first, then the Pods that the scheduler binds to this node.

It may crash at any time: its containers continue to run, and the next agent adopts them.
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

from mesh.local import files, instance, processes
from mesh.local.agent import endpoints, kubelet_api, node, node_logs
from mesh.local.agent.api import Api
from mesh.local.agent.log_times import INTERVAL_SECONDS
from mesh.local.agent.pod import PodWorker, erase
from mesh.local.agent.sandbox import NodeFullError, place
from mesh.local.instance import NODE_NAME, Instance

logger = logging.getLogger(__package__)
STATIC_PODS = Path(__file__).parents[1] / "control_plane/static_pods"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


class Agent:
    """The Pods of this node, each with a worker, by uid."""

    def __init__(self, mesh: Instance, client: AsyncClient) -> None:
        self._mesh, self._api = mesh, Api(client)
        self._workers: dict[str, PodWorker] = {}
        self._static = {str(pod.metadata and pod.metadata.uid): pod for pod in _read_static_pods()}
        self._unmirrored: asyncio.Queue[str] = asyncio.Queue()
        """The static Pods that have no mirror, by uid."""

    async def run(self) -> None:
        """Run the node until cancelled. Its containers continue to run."""
        for uid, pod in self._static.items():
            self._workers[uid] = PodWorker(place(self._mesh, pod), self._api, pod=pod, static=True)
            self._unmirrored.put_nowait(uid)
        client = self._api.client
        async with asyncio.TaskGroup() as group:
            group.create_task(kubelet_api.serve(self._mesh, self._workers, self._find))
            group.create_task(node.run(client, self._mesh))
            group.create_task(self._show_static_pods())
            group.create_task(self._watch_pods())
            group.create_task(self._watch_sidecars())
            group.create_task(self._record_logs())

    def _find(self, namespace: str, name: str) -> PodWorker | None:
        workers = ((worker, worker.sandbox) for worker in self._workers.values())
        return next((worker for worker, pod in workers if (pod.namespace, pod.name) == (namespace, name)), None)

    async def _watch_pods(self) -> None:
        """List the Pods, then watch them; start again when the watch breaks."""
        fields: FieldSelector = {"spec.nodeName": NODE_NAME}
        while True:
            try:
                listing = self._api.client.list(Pod, namespace=ALL_NS, fields=fields)
                pods = [pod async for pod in listing]
                self._compare_all(pods)
                await endpoints.delete_orphans(self._api.client, pods)
                async for event, pod in self._api.client.watch(
                    Pod, namespace=ALL_NS, fields=fields, resource_version=listing.resourceVersion
                ):
                    self._handle(pod, deleted=event == "DELETED")
            except httpx2.HTTPError as error:
                logger.debug("pods: %s", error)
                await asyncio.sleep(0.25)

    def _compare_all(self, pods: list[Pod]) -> None:
        expected = {str(pod.metadata.uid) for pod in pods if pod.metadata} | self._static.keys()
        for uid in self._workers.keys() - expected:
            self._terminate(uid, 0)
        for folder in self._mesh.pods.glob("*/"):
            if folder.name not in expected | self._workers.keys():
                logger.info("removing the folder of a deleted Pod: %s", folder.name)
                erase(folder)
        for uid in self._static.keys() - {_mirrored(pod) for pod in pods}:
            self._show_again(uid)
        # Those that have an address first: a new Pod must not get it.
        for pod in sorted(pods, key=lambda pod: not (pod.status and pod.status.podIP)):
            self._handle(pod, deleted=False)
        for worker in self._workers.values():
            worker.refresh_status()

    def _handle(self, pod: Pod, *, deleted: bool) -> None:
        meta, uid = pod.metadata or ObjectMeta(), str(pod.metadata and pod.metadata.uid)
        if mirrored := _mirrored(pod):
            if deleted:
                self._show_again(mirrored)
            elif meta.deletionTimestamp:
                self._api.spawn(self._delete_mirror(meta))
        elif deleted:
            self._terminate(uid, 0)
        elif worker := self._workers.get(uid) or self._accept(pod):
            if meta.deletionTimestamp:
                self._terminate(uid, meta.deletionGracePeriodSeconds or 0)
            else:
                worker.compare(pod)

    def _accept(self, pod: Pod) -> PodWorker | None:
        meta = pod.metadata or ObjectMeta()
        try:
            worker = PodWorker(place(self._mesh, pod), self._api, pod=pod)
        except NodeFullError as error:
            logger.warning("%s/%s: %s", meta.namespace, meta.name, error)
            return None
        self._workers[str(meta.uid)] = worker
        return worker

    def _terminate(self, uid: str, grace_seconds: float) -> None:
        if worker := self._workers.get(uid):
            self._api.spawn(self._finish(uid, worker, grace_seconds))

    async def _finish(self, uid: str, worker: PodWorker, grace_seconds: float) -> None:
        first = not worker.terminating
        await worker.terminate(grace_seconds)
        if first:
            self._workers.pop(uid, None)

    async def _watch_sidecars(self) -> None:
        """Watch the cluster's Sidecars. When one changes, update the listeners of its namespace's Pods."""
        while True:
            try:
                async for _, sidecar in self._api.client.watch(endpoints.Sidecar, namespace=ALL_NS):
                    meta = sidecar.metadata or ObjectMeta()
                    if endpoints.is_ours(sidecar):
                        continue
                    for worker in list(self._workers.values()):
                        if worker.sandbox.namespace == meta.namespace:
                            await worker.update_listeners()
            except httpx2.HTTPError as error:  # also while Istio's CRDs are missing
                logger.debug("sidecars: %s", error)
                await asyncio.sleep(1)

    async def _show_static_pods(self) -> None:
        """Create mirror Pods of the static Pods in the API, as a kubelet does, and again when a user deletes one."""
        while True:
            uid = await self._unmirrored.get()
            try:
                await self._api.client.create(_mirror(self._static[uid]))
                self._workers[uid].refresh_status()
            except httpx2.HTTPError as error:
                if not isinstance(error, ApiError) or error.status.code != HTTPStatus.CONFLICT:
                    logger.debug("mirror Pod: %s", error)
                    self._unmirrored.put_nowait(uid)
                    await asyncio.sleep(1)

    def _show_again(self, uid: str) -> None:
        if uid in self._static:
            self._unmirrored.put_nowait(uid)

    async def _delete_mirror(self, meta: ObjectMeta) -> None:
        try:
            await self._api.client.delete(Pod, str(meta.name), namespace=meta.namespace, grace_period=0)
        except httpx2.HTTPError as error:
            logger.debug("mirror Pod: %s", error)

    async def _record_logs(self) -> None:
        while True:
            for worker in self._workers.values():
                worker.record_logs()
            await asyncio.sleep(INTERVAL_SECONDS)


def _read_static_pods() -> list[Pod]:
    pods = []
    for path in sorted(STATIC_PODS.glob("*.yaml")):
        pod = msgspec.convert(yaml.safe_load(path.read_text()), Pod)
        if pod.metadata and pod.spec:
            pod.metadata.uid, pod.spec.nodeName = f"static-{pod.metadata.name}", NODE_NAME
            pods.append(pod)
    return pods


def _mirrored(pod: Pod) -> str | None:
    """Return the uid of the static Pod that a Pod in the API is a mirror of; None if it is no mirror."""
    return ((pod.metadata and pod.metadata.annotations) or {}).get(MIRROR_ANNOTATION)


def _mirror(pod: Pod) -> Pod:
    copy = msgspec.convert(pod.to_dict(), Pod)
    if copy.metadata:
        copy.metadata.annotations = {MIRROR_ANNOTATION: str(copy.metadata.uid), "kubernetes.io/config.source": "file"}
        copy.metadata.uid = None
    return copy


async def _main(mesh: Instance) -> None:
    # The record of a running agent may be lost. It is written again, and this one ends.
    running = sorted(processes.in_folder(mesh.agent), key=lambda process: (process.started, process.pid))
    files.replace(mesh.home / "agent.json", json.dumps({"pid": running[0].pid, "started": running[0].started}))
    if running[0].pid != os.getpid():
        sys.exit("another agent runs")
    node_logs.link_agent(mesh)
    config = KubeConfig.from_file(mesh.pki / "node-agent.kubeconfig").get()
    agent = asyncio.create_task(Agent(mesh, AsyncClient(config=config, field_manager=endpoints.FIELD_MANAGER)).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, agent.cancel)
    try:
        await agent
    except asyncio.CancelledError:
        logger.info("the agent stops; its containers continue to run")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    loaded = instance.existing(sys.argv[1])
    if not loaded:
        sys.exit(f"there is no mesh '{sys.argv[1]}'")
    asyncio.run(_main(loaded))
