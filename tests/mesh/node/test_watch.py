"""The node agent learns of changes from a watch. Without one, it would list all Pods again and again."""

import re

from tests.mesh.node.pods import Node, container, pod

LISTS = re.compile(
    r'^apiserver_request_total\{(?=.*resource="pods")(?=.*scope="cluster")(?=.*verb="LIST").*\} (\d+)$', re.MULTILINE
)


async def count_of_lists(node: Node) -> int:
    """Return how often all Pods have been listed since the API server started. The tests list those of a namespace."""
    return sum(int(count) for count in LISTS.findall(await node.kubectl("get", "--raw", "/metrics")))


async def test_a_pod_runs_and_is_deleted_without_another_list_of_all_pods(node: Node) -> None:
    await node.apply(pod("first", container("true")))
    await node.wait("first")
    before = await count_of_lists(node)
    assert before
    await node.apply(pod("watched", container("true")))
    await node.wait("watched")
    await node.kubectl("delete", "pod", "watched", "--now")
    await node.gone("watched")
    assert await count_of_lists(node) == before
