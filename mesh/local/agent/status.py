"""Builds a Pod's status for the API from the state of its containers."""

from typing import Any

from mesh.local.agent.container import Runner, now
from mesh.local.agent.sandbox import Sandbox


def phase(main: list[Runner], restart: str, *, initialized: bool) -> str:
    """Return Pending, Running, Succeeded or Failed."""
    ended = [runner.state["terminated"]["exitCode"] for runner in main if "terminated" in runner.state]
    if initialized and restart != "Always" and len(ended) == len(main):
        if not any(ended):
            return "Succeeded"
        if restart == "Never":
            return "Failed"
    return "Running" if initialized else "Pending"


def build(sandbox: Sandbox, runners: dict[str, Runner], since: dict[str, str], *, initialized: bool) -> dict[str, Any]:
    """Build the status. `since` stores from call to call when each condition last changed."""
    init = [runners[spec.name] for spec in sandbox.spec.initContainers or []]
    main = [runners[spec.name] for spec in sandbox.spec.containers]
    current = phase(main, sandbox.spec.restartPolicy or "Always", initialized=initialized)
    # Sidecars count for readiness: a Pod gets no traffic before its proxy is ready.
    serving = [*main, *(runners[spec.name] for spec in sandbox.sidecars)]
    ready = initialized and current == "Running" and all(runner.ready for runner in serving)
    values = {"PodReadyToStartContainers": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
    conditions = []
    for name, value in values.items():
        if since.get(name, "").partition("@")[0] != str(value):
            since[name] = f"{value}@{now()}"
        reason = {} if value else {"reason": "PodCompleted" if current == "Succeeded" else "ContainersNotReady"}
        changed = since[name].partition("@")[2]
        conditions.append({"type": name, "status": str(value), "lastTransitionTime": changed} | reason)
    return {
        "phase": current,
        "podIP": sandbox.ip,
        "podIPs": [{"ip": sandbox.ip}],
        "hostIP": sandbox.mesh.node_ip,
        "hostIPs": [{"ip": sandbox.mesh.node_ip}],
        "startTime": since.setdefault("start", now()),
        "conditions": conditions,
        "initContainerStatuses": [_container(runner) for runner in init],
        "containerStatuses": [_container(runner) for runner in main],
    }


def is_ready(status: dict[str, Any]) -> bool:
    """Return whether the Ready condition is true."""
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in status["conditions"])


def _container(runner: Runner) -> dict[str, Any]:
    spec = runner.spec
    done = "terminated" in runner.state and runner.state["terminated"]["exitCode"] == 0
    return {
        "name": spec.name,
        "image": spec.image,
        "imageID": spec.image,
        "containerID": f"process://{runner.process.pid}" if runner.process else "",
        # A finished init container counts as ready, which kubectl expects.
        "ready": runner.ready or (done and spec.restartPolicy != "Always"),
        "started": runner.started,
        "restartCount": runner.restarts,
        "state": runner.state,
        "lastState": runner.last_state if runner.restarts else {},
    }
