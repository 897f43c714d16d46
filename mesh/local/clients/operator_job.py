"""Runs services/operator as a Job in the cluster, made from the suspended CronJob `operator`."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mesh.local.clients.kubectl import NAMESPACE, Kubectl
from mesh.local.errors import MeshError

CRON_JOB, CONTAINER = "operator", "app"
START_TIMEOUT_SECONDS, END_TIMEOUT_SECONDS = 90, 630
POLL_INTERVAL_SECONDS = 0.2

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class JobResult:
    """How a Job ended: the exit code of its container, and everything that it printed."""

    exit_code: int
    output: str


def run(kubectl: Kubectl, *arguments: str, timeout_seconds: float = END_TIMEOUT_SECONDS) -> JobResult:
    """Run a command of the operator, and return its exit code and output.

    Raises:
        MeshError: the Job could not be created, or did not start or end in time.
    """
    pod = _start(kubectl, *arguments)
    output = kubectl.run(*_logs(pod), timeout_seconds=timeout_seconds)
    return JobResult(_exit_code(kubectl, pod), output)


def show(kubectl: Kubectl, *arguments: str) -> int:
    """Run a command of the operator, print its output as it comes, and return its exit code. Raises MeshError."""
    pod = _start(kubectl, *arguments)
    kubectl.show(*_logs(pod))
    return _exit_code(kubectl, pod)


def _logs(pod: str) -> list[str]:
    return ["logs", "-n", NAMESPACE, "--follow", pod, "-c", CONTAINER]


def _start(kubectl: Kubectl, *arguments: str) -> str:
    """Create the Job, wait until its container runs or has ended, and return the name of its Pod."""
    job = _create(kubectl, *arguments)

    def started() -> str | None:
        pods = kubectl.get("pods", "-n", NAMESPACE, "-l", f"batch.kubernetes.io/job-name={job}")["items"]
        return next((str(pod["metadata"]["name"]) for pod in pods if _state(pod).keys() - {"waiting"}), None)

    return _wait_for(started, f"the Job {job} did not start", START_TIMEOUT_SECONDS)


def _create(kubectl: Kubectl, *arguments: str) -> str:
    template = kubectl.get("cronjob", "-n", NAMESPACE, CRON_JOB)["spec"]["jobTemplate"]
    for container in template["spec"]["template"]["spec"]["containers"]:
        if container["name"] == CONTAINER:
            container["args"] = list(arguments)
    metadata = {**template.get("metadata", {}), "generateName": f"{CRON_JOB}-{arguments[0]}-"}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    created = kubectl.run("create", "-n", NAMESPACE, "-f", "-", "-o", "name", stdin=json.dumps(manifest))
    return created.strip().partition("/")[2]


def _exit_code(kubectl: Kubectl, pod: str) -> int:
    """Wait until the container has ended, and return its exit code."""

    def exit_code() -> int | None:
        ended = _state(kubectl.get("pod", "-n", NAMESPACE, pod)).get("terminated")
        return None if ended is None else int(ended["exitCode"])

    return _wait_for(exit_code, f"the Pod {pod} did not end", END_TIMEOUT_SECONDS)


def _state(pod: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return the state of a Pod's container: `waiting`, `running` or `terminated`."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return next((dict(status["state"]) for status in statuses if status["name"] == CONTAINER), {})


def _wait_for(poll: Callable[[], ResultT | None], problem: str, timeout_seconds: float) -> ResultT:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if (result := poll()) is not None:
            return result
        time.sleep(POLL_INTERVAL_SECONDS)
    raise MeshError(f"{problem} within {timeout_seconds} s", fix=f"kubectl describe jobs -n {NAMESPACE}")
