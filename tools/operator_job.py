"""Runs services/operator in the mesh: `operator_job.py ledger`, `resume orders/ID`, `call SERVICE/METHOD JSON`.

It makes a Job of the cluster's CronJob `operator`, prints what the Job prints and exits with its exit code.
The cluster is that of KUBECONFIG; without it, the local mesh, MESH_INSTANCE or "default".
"""

import json
import sys
from typing import Any

from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from tools.kubectl import NAMESPACE, Kubectl, KubectlError

TEMPLATE, CONTAINER = "operator", "app"
START_SECONDS, END_SECONDS = 90, 630
UNUSABLE = 2


def make_job(kubectl: Kubectl, words: list[str]) -> str:
    """Make a Job that does what the words say, and answer its name."""
    template = kubectl.get("cronjob", TEMPLATE)["spec"]["jobTemplate"]
    for container in template["spec"]["template"]["spec"]["containers"]:
        if container["name"] == CONTAINER:
            container["args"] = words
    metadata = {**template.get("metadata", {}), "generateName": f"{TEMPLATE}-{words[0]}-"}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    made = kubectl.run("create", "-f", "-", "-o", "name", stdin=json.dumps(manifest))
    return made.strip().partition("/")[2]


@retry(stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.2), retry=retry_if_result(lambda found: not found))
def started(kubectl: Kubectl, job: str) -> str:
    """Wait until the Job's container has begun, and answer its Pod's name."""
    for pod in kubectl.get("pods", "-l", f"batch.kubernetes.io/job-name={job}")["items"]:
        if {"running", "terminated"} & state(pod).keys():
            return str(pod["metadata"]["name"])
    return ""


@retry(stop=stop_after_delay(END_SECONDS), wait=wait_fixed(0.2), retry=retry_if_result(lambda code: code is None))
def exit_code(kubectl: Kubectl, pod: str) -> int | None:
    """Wait until the container has ended, and answer its exit code."""
    ended = state(kubectl.get("pod", pod)).get("terminated")
    return None if ended is None else int(ended["exitCode"])


def state(pod: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Answer the state of a Pod's container."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return next((dict(status["state"]) for status in statuses if status["name"] == CONTAINER), {})


def main() -> None:
    """Do what the command line says."""
    words = sys.argv[1:]
    if not words:
        sys.exit(__doc__)
    try:
        kubectl = Kubectl()
        job = make_job(kubectl, words)
        pod = started(kubectl, job)
        kubectl.follow(pod, CONTAINER)
        code = exit_code(kubectl, pod)
    except KubectlError as error:
        sys.stderr.write(f"operator: {error}\n")
        code = UNUSABLE
    except RetryError:
        sys.stderr.write(f"operator: the Job did not begin or end in time: kubectl describe job -n {NAMESPACE}\n")
        code = UNUSABLE
    sys.exit(code)


if __name__ == "__main__":
    main()
