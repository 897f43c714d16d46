"""`mesh logs`: the log of a workload or of the node agent."""

import subprocess
from collections.abc import Sequence
from typing import Any

from mesh.local import instance
from mesh.local.clients.kubectl import Kubectl, namespace_of
from mesh.local.errors import MeshError
from mesh.local.processes import load_running

AGENT = "agent"
AGENT_LINES = 200


def run(name: str, workload: str, options: Sequence[str]) -> int:
    """Print a log; `options` are those of `kubectl logs`. Raises MeshError."""
    if workload == AGENT:
        log = instance.load(name).agent_log
        return subprocess.call(["/usr/bin/env", "tail", *tail_options(options), str(log)])
    kubectl, namespace = Kubectl.of(load_running(name)), namespace_of(workload)
    pods = owned_pods(kubectl.get("pods,replicasets", "-n", namespace)["items"], workload)
    if not pods:
        raise MeshError(f"no Pod of {workload} exists in {namespace}", fix="`mesh status` lists what runs")
    return kubectl.show("logs", "-n", namespace, pods[0], *options)


def owned_pods(objects: Sequence[Any], workload: str) -> list[str]:
    """Return the names of a workload's Pods, running ones first.

    kubectl would select them by label. So for `orders` it may take a Pod of `orders-v2`, which has the same label.
    """
    owner = {item["metadata"]["name"]: _owner(item) for item in objects if item["kind"] == "ReplicaSet"}
    pods = [item for item in objects if item["kind"] == "Pod"]
    owned = [pod for pod in pods if owner.get(_owner(pod), _owner(pod)) == workload]
    return [pod["metadata"]["name"] for pod in sorted(owned, key=lambda pod: pod["status"].get("phase") != "Running")]


def _owner(item: Any) -> str:  # noqa: ANN401  # JSON
    owners = item["metadata"].get("ownerReferences") or [{"name": ""}]
    return str(owners[0]["name"])


def tail_options(options: Sequence[str]) -> list[str]:
    """Translate the options of `kubectl logs` that make sense for a file into those of `tail`.

    Raises:
        MeshError: the agent's log does not have the option.
    """
    lines, follow, rest = str(AGENT_LINES), False, list(options)
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option == "--tail":
            lines = value if equals or not rest else rest.pop(0)
            if not lines.removeprefix("-").isdecimal():
                raise MeshError(f"--tail needs a number of lines, not '{lines}'")
        elif option in {"-f", "--follow"} and value in {"", "true", "false"}:
            follow = value != "false"
        else:
            raise MeshError(f"the agent's log has no option {option}", fix="it has --tail=LINES and --follow")
    # All lines, if the number is negative.
    return ["--lines", "+1" if lines.startswith("-") else lines, *(["--follow"] if follow else [])]
