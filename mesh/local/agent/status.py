"""A Pod's status as the API states it, from what its containers tell."""

from typing import Any

from mesh.local.agent.container import Runner, now
from mesh.local.agent.sandbox import Sandbox


def phase(main: list[Runner], restart: str, *, initialized: bool) -> str:
    """Pending, Running, Succeeded or Failed."""
    ended = [runner.state["terminated"]["exitCode"] for runner in main if "terminated" in runner.state]
    if initialized and restart != "Always" and len(ended) == len(main):
        if not any(ended):
            return "Succeeded"
        if restart == "Never":
            return "Failed"
    return "Running" if initialized else "Pending"


def build(sandbox: Sandbox, runners: dict[str, Runner], since: dict[str, str], *, initialized: bool) -> dict[str, Any]:
    """The status patch. `since` remembers when each condition last changed, across calls."""
    init = [runners[spec.name] for spec in sandbox.spec.initContainers or []]
    main = [runners[spec.name] for spec in sandbox.spec.containers]
    current = phase(main, sandbox.spec.restartPolicy or "Always", initialized=initialized)
    # Sidecars count as containers for readiness: no traffic before the proxy is there.
    serving = [*main, *(runners[spec.name] for spec in sandbox.sidecars)]
    ready = initialized and current == "Running" and all(runner.ready for runner in serving)
    truths = {"PodReadyToStartContainers": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
    conditions = []
    for kind, truth in truths.items():
        if since.get(kind, "").partition("@")[0] != str(truth):
            since[kind] = f"{truth}@{now()}"
        reason = {} if truth else {"reason": "PodCompleted" if current == "Succeeded" else "ContainersNotReady"}
        changed = since[kind].partition("@")[2]
        conditions.append({"type": kind, "status": str(truth), "lastTransitionTime": changed} | reason)
    return {
        "phase": current,
        "podIP": sandbox.ip,
        "podIPs": [{"ip": sandbox.ip}],
        "hostIP": sandbox.instance.node_ip,
        "hostIPs": [{"ip": sandbox.instance.node_ip}],
        "startTime": since.setdefault("start", now()),
        "conditions": conditions,
        "initContainerStatuses": [_container(runner) for runner in init],
        "containerStatuses": [_container(runner) for runner in main],
    }


def is_ready(status: dict[str, Any]) -> bool:
    """Whether the status says Ready."""
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in status["conditions"])


def _container(runner: Runner) -> dict[str, Any]:
    spec = runner.spec
    done = "terminated" in runner.state and runner.state["terminated"]["exitCode"] == 0
    return {
        "name": spec.name,
        "image": spec.image,
        "imageID": spec.image,
        "containerID": f"process://{runner.process.pid}" if runner.process else "",
        # A finished init container counts as ready; that is how kubectl knows it is past.
        "ready": runner.ready or (done and spec.restartPolicy != "Always"),
        "started": runner.started,
        "restartCount": runner.restarts,
        "state": runner.state,
        "lastState": runner.last_state if runner.restarts else {},
    }
