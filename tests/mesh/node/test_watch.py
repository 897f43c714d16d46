"""The node agent learns of changes from a watch. Without one, it would ask the API server again and again."""

import re

from tests.mesh.node.pods import Node, container, pod
from tests.support.clock import eventually

LISTS = re.compile(
    r'^apiserver_request_total\{(?=.*resource="pods")(?=.*scope="cluster")(?=.*verb="LIST").*\} (\d+)$', re.MULTILINE
)
CONFLICTS = re.compile(
    r'^apiserver_request_total\{(?=.*code="409")(?=.*resource="pods")(?=.*verb="POST").*\} (\d+)$', re.MULTILINE
)


async def count(node: Node, requests: re.Pattern[str]) -> int:
    """Return how many requests of this kind the API server has had since it started."""
    return sum(int(number) for number in requests.findall(await node.kubectl("get", "--raw", "/metrics")))


async def test_a_pod_runs_and_is_deleted_without_another_list_of_all_pods(node: Node) -> None:
    await node.apply(pod("first", container("true")))
    await node.wait("first")
    before = await count(node, LISTS)  # tests list the Pods of a namespace
    assert before
    await node.apply(pod("watched", container("true")))
    await node.wait("watched")
    await node.kubectl("delete", "pod", "watched", "--now")
    await node.gone("watched")
    assert await count(node, LISTS) == before


async def test_a_deleted_mirror_of_a_static_pod_is_created_again_and_no_other(node: Node) -> None:
    of_etcd = ("get", "pod", "etcd", "-n", "kube-system", "-o", "jsonpath={.metadata.uid} {.status.phase}")
    uid, _, _ = (await node.kubectl(*of_etcd)).partition(" ")
    before = await count(node, CONFLICTS)
    await node.kubectl("delete", "pod", "etcd", "-n", "kube-system")
    async for attempt in eventually():
        with attempt:
            new, _, phase = (await node.kubectl(*of_etcd)).partition(" ")
            assert new != uid
            assert phase == "Running"
    assert await count(node, CONFLICTS) == before
