"""`mesh logs`: the log of a workload or of the node agent."""

import subprocess
from collections.abc import Sequence

from mesh.local import instance
from mesh.local.clients.kubectl import Kubectl, namespace_of

AGENT = "agent"
AGENT_LINES = 200


def run(name: str, workload: str, options: Sequence[str]) -> int:
    """Print a log; `options` are those of `kubectl logs`, for the agent those of `tail`. Raises MeshError."""
    mesh = instance.load(name)
    if workload == AGENT:
        return subprocess.call(["/usr/bin/env", "tail", "-n", str(AGENT_LINES), *options, str(mesh.agent_log)])
    resource = "statefulset" if workload == "kafka" else "deployment"
    return Kubectl.of(mesh).show("logs", "-n", namespace_of(workload), f"{resource}/{workload}", *options)
