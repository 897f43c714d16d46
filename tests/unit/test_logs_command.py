"""`mesh logs` shows the log of the workload that it names. For the agent it takes the options of `kubectl logs`."""

from typing import Any

import pytest

from mesh.local.commands.logs import AGENT_LINES, owned_pods, tail_options
from mesh.local.errors import MeshError


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["--lines", str(AGENT_LINES)]),
        (["--tail=3"], ["--lines", "3"]),
        (["--tail", "3", "-f"], ["--lines", "3", "--follow"]),
        (["--tail=-1", "--follow=false"], ["--lines", "+1"]),
    ],
)
def test_options_are_those_of_kubectl(options: list[str], expected: list[str]) -> None:
    assert tail_options(options) == expected


@pytest.mark.parametrize("options", [["--tail=x"], ["--tail"], ["--since=1m"], ["-n", "3"]])
def test_other_options_are_refused(options: list[str]) -> None:
    with pytest.raises(MeshError):
        tail_options(options)


def described(kind: str, name: str, owner: str, phase: str = "Running") -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": name, "ownerReferences": [{"name": owner}]},
        "status": {"phase": phase},
    }


OBJECTS = [
    described("ReplicaSet", "orders-7d9", "orders"),
    described("ReplicaSet", "orders-v2-5f6", "orders-v2"),
    described("Pod", "orders-v2-5f6-b", "orders-v2-5f6"),
    described("Pod", "orders-7d9-c", "orders-7d9", "Pending"),
    described("Pod", "orders-7d9-d", "orders-7d9"),
    described("Pod", "kafka-0", "kafka"),
]


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ("orders", ["orders-7d9-d", "orders-7d9-c"]),
        ("orders-v2", ["orders-v2-5f6-b"]),
        ("kafka", ["kafka-0"]),
        ("nosuch", []),
    ],
)
def test_pods_of_a_workload_are_its_own(workload: str, expected: list[str]) -> None:
    assert owned_pods(OBJECTS, workload) == expected
