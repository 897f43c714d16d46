"""A Kubernetes API and a node agent, without Istio and without the shop: in it a Pod starts within a second."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from mesh.local import instance, web
from mesh.local.lifecycle.start import start_node
from mesh.local.terminal import error_console
from tests.mesh.harness import Mesh, run_mesh, shell_environment
from tests.mesh.node.pods import NAMESPACE, Node
from tests.support.checkout import ROOT
from tests.support.clock import eventually_sync

START_TIMEOUT_SECONDS = 120
NAME = f"node-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"


@pytest.fixture(scope="package")
def kubernetes() -> Iterator[Mesh]:
    """Yield the API server, controller manager, scheduler and node agent of a separate instance."""
    keep = bool(os.environ.get("MESH_KEEP"))
    if not keep:
        run_mesh("down", "--purge", "-i", NAME)
    web.build(error_console)  # a Pod mounts a part of it
    start_node(instance.create(NAME))
    mesh = Mesh(NAME, shell_environment(NAME))
    for attempt in eventually_sync(START_TIMEOUT_SECONDS):
        with attempt:
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
            asyncio.run(mesh.kubectl("apply", "-f", "-", stdin=json.dumps(namespace)))
    for attempt in eventually_sync(START_TIMEOUT_SECONDS):
        with attempt:  # the controller manager creates the account of the namespace's Pods
            asyncio.run(mesh.kubectl("get", "-n", NAMESPACE, "serviceaccount", "default"))
    yield mesh
    if not keep:
        down = run_mesh("down", "--purge", "-i", NAME)
        assert down.returncode == 0, down.stdout


@pytest.fixture
async def node(kubernetes: Mesh) -> AsyncIterator[Node]:
    """Yield the node. After the test, its Pods are deleted."""
    node = Node(kubernetes)
    yield node
    await node.clean()


@pytest.fixture(scope="module")
def started(kubernetes: Mesh, request: pytest.FixtureRequest) -> Iterator[None]:
    """Start the Pods of all cases of a file together."""
    node = Node(kubernetes)
    asyncio.run(node.apply(*(manifest for case in request.module.CASES for manifest in case.manifests)))
    yield
    asyncio.run(node.clean())
