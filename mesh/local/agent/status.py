"""Builds a Pod's status for the API from the state of its containers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mesh.local.agent.container import Runner, now
from mesh.local.agent.sandbox import Sandbox


def phase(main: Sequence[Runner], *, initialized: bool) -> str:
    """Return Pending, Running, Succeeded or Failed."""
    if all(runner.finished for runner in main):
        return "Failed" if any(exit_code(runner) for runner in main) else "Succeeded"
    never_ran = [runner for runner in main if "waiting" in runner.state and not runner.last_state]
    return "Pending" if never_ran or not initialized else "Running"


def exit_code(runner: Runner) -> int:
    """Return the exit code of a container that has ended; 0 if it has not."""
    code: int = runner.state.get("terminated", {}).get("exitCode", 0)
    return code


@dataclass
class PodState:
    """The state of a Pod as a whole."""

    initialized: bool = False
    failure: dict[str, str] = field(default_factory=dict)
    """The reason and the message, if it has failed as a whole."""
    gates: dict[str, str] = field(default_factory=dict)
    """The conditions of the Pod in the API, some of which may be readiness gates."""
    since: dict[str, str] = field(default_factory=dict)
    """When each condition last changed, and when the Pod started."""


def build(sandbox: Sandbox, runners: dict[str, Runner], state: PodState) -> dict[str, Any]:
    """Build the status, and store in the state when a condition changed."""
    init = [runners[spec.name] for spec in sandbox.spec.initContainers or []]
    main = [runners[spec.name] for spec in sandbox.spec.containers]
    others = [runner for runner in runners.values() if runner not in [*init, *main]]
    failed = state.failure or any(runner.finished and exit_code(runner) for runner in init if not runner.is_sidecar)
    current = "Failed" if failed else phase(main, initialized=state.initialized)
    # Sidecars count for readiness: a Pod gets no traffic before its proxy is ready.
    serving = [*main, *(runner for runner in init if runner.is_sidecar)]
    ready = state.initialized and current == "Running" and all(runner.ready for runner in serving)
    open_gates = all(state.gates.get(gate.conditionType) == "True" for gate in sandbox.spec.readinessGates or [])
    values = {
        "PodReadyToStartContainers": True,
        "Initialized": state.initialized,
        "ContainersReady": ready,
        "Ready": ready and open_gates,
    }
    conditions = []
    for name, value in values.items():
        if state.since.get(name, "").partition("@")[0] != str(value):
            state.since[name] = f"{value}@{now()}"
        reason = "ReadinessGatesNotReady" if ready else "ContainersNotReady"
        reasons = (
            {"reason": None}
            if value
            else {"reason": {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(current, reason)}
        )
        changed = state.since[name].partition("@")[2]
        conditions.append({"type": name, "status": str(value), "lastTransitionTime": changed} | reasons)
    return {
        "phase": current,
        **state.failure,
        "podIP": sandbox.ip,
        "podIPs": [{"ip": sandbox.ip}],
        "hostIP": sandbox.mesh.node_ip,
        "hostIPs": [{"ip": sandbox.mesh.node_ip}],
        "startTime": state.since.setdefault("start", now()),
        "conditions": conditions,
        "initContainerStatuses": [_container(runner, init=True) for runner in init],
        "containerStatuses": [_container(runner) for runner in main],
        "ephemeralContainerStatuses": [_container(runner) for runner in others],
    }


def is_ready(status: dict[str, Any]) -> bool:
    """Return whether the Ready condition is true."""
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in status["conditions"])


def _container(runner: Runner, *, init: bool = False) -> dict[str, Any]:
    spec = runner.spec
    done = "terminated" in runner.state and exit_code(runner) == 0
    return {
        "name": spec.name,
        "image": spec.image,
        "imageID": spec.image,
        "containerID": f"process://{runner.process.pid}" if runner.process else "",
        # A finished init container counts as ready, which kubectl expects.
        "ready": runner.ready or (init and done and not runner.is_sidecar),
        "started": runner.started,
        "restartCount": runner.restarts,
        "state": runner.state,
        "lastState": runner.last_state,
    }
