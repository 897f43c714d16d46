"""A Pod that requests almost no processor time runs only while the others leave some, as the shares of a kubelet do."""

import os

import pytest

from tests.mesh.node.pods import Node, container, pod


@pytest.mark.parametrize(("request_", "priority"), [("1m", 10), ("2m", 0), (None, 0)])
async def test_the_priority_follows_from_the_request(node: Node, request_: str | None, priority: int) -> None:
    resources = {"requests": {"cpu": request_}} if request_ else {}
    name = f"requests-{request_ or 'nothing'}"
    await node.apply(pod(name, container("echo started; exec sleep 300", resources=resources)))
    await node.wait_for_log(name, "started")
    uid = (await node.get(name))["metadata"]["uid"]
    [process] = node.mesh.processes("sleep", uid)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == priority
