"""The Node object: its registration and its heartbeat."""

import asyncio
import logging
import os
import platform
from datetime import UTC, datetime
from http import HTTPStatus

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Node, NodeStatus
from lightkube.types import PatchType

from mesh.local.agent.container import now
from mesh.local.agent.endpoints import FIELD_MANAGER
from mesh.local.agent.environment import machine_memory
from mesh.local.instance import MAX_PODS, NODE_NAME, Instance
from mesh.local.tools import versions

logger = logging.getLogger(__name__)
LABELS = {
    "kubernetes.io/hostname": NODE_NAME,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
    "topology.kubernetes.io/region": "local",
    "topology.kubernetes.io/zone": "local-a",
}
KUBELET_PORT = 10250
HEARTBEAT_INTERVAL_SECONDS = 10.0


async def run(client: AsyncClient, mesh: Instance) -> None:
    """Register the node, and renew its lease until cancelled."""
    while True:
        try:
            await _register(client)
            while True:
                await _renew_lease(client)
                await _update_status(client, mesh)
                await asyncio.sleep(HEARTBEAT_INTERVAL_SECONDS)
        except httpx2.HTTPError as error:
            logger.debug("no heartbeat: %s", error)
            await asyncio.sleep(0.25)


async def _register(client: AsyncClient) -> None:
    try:
        await client.create(Node(metadata=ObjectMeta(name=NODE_NAME, labels=LABELS)))
    except ApiError as error:
        if error.status.code != HTTPStatus.CONFLICT:
            raise


async def _update_status(client: AsyncClient, mesh: Instance) -> None:
    size = {"cpu": str(os.cpu_count()), "memory": str(machine_memory()), "pods": str(MAX_PODS)}
    common = {"reason": "AgentRunning", "message": "the node agent is running", "lastHeartbeatTime": now()}
    pressures = [{"type": f"{kind}Pressure", "status": "False"} | common for kind in ("Memory", "Disk", "PID")]
    release = f"{platform.system()} {platform.release()}"
    status = {
        "capacity": size,
        "allocatable": size,
        "conditions": [{"type": "Ready", "status": "True"} | common, *pressures],
        "addresses": [{"type": "InternalIP", "address": mesh.node_ip}, {"type": "Hostname", "address": NODE_NAME}],
        # The API server passes WebSockets of kubectl to the node, in place of SPDY (streams.py).
        "declaredFeatures": ["ExtendWebSocketsToKubelet"],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
        "nodeInfo": {
            "kubeletVersion": f"{versions()['kubectl']}-mesh-agent",
            "containerRuntimeVersion": "process://1",
            "osImage": release,
            "kernelVersion": platform.release(),
            "operatingSystem": "linux",
            "architecture": LABELS["kubernetes.io/arch"],
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
            "kubeProxyVersion": "",
        },
    }
    await client.patch(NodeStatus, NODE_NAME, {"status": status}, patch_type=PatchType.STRATEGIC)


async def _renew_lease(client: AsyncClient) -> None:
    # The node controller ignores a lease that was created without a time.
    spec = LeaseSpec(holderIdentity=NODE_NAME, leaseDurationSeconds=40, renewTime=datetime.now(UTC))
    lease = Lease(metadata=ObjectMeta(name=NODE_NAME, namespace="kube-node-lease"), spec=spec)
    await client.apply(lease, field_manager=FIELD_MANAGER, force=True)
