"""The Pods of each node: now from the Kubernetes API, earlier from the metrics of that time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.local.clients.api_server import ApiServer


@dataclass(frozen=True)
class Pod:
    """A Pod."""

    name: str
    version: str
    """Its label `version`; empty if it has none, or if its ReplicaSet is gone."""
    ready: bool
    state: str
    """The phase, or why a container waits, or Terminating."""
    restarts: int | None
    """None for an earlier time: no metric has it."""
    started: str = ""
    """RFC 3339. This and what follows is empty for an earlier time."""
    address: str = ""
    uid: str = ""


@dataclass(frozen=True)
class Workload:
    """The Pods of a node, and how many there should be."""

    pods: tuple[Pod, ...]
    desired: int | None
    """None for an earlier time: no metric has it."""

    @property
    def ready(self) -> int:
        """The number of ready Pods."""
        return sum(pod.ready for pod in self.pods)

    @property
    def versions(self) -> dict[str, int]:
        """The number of Pods of each version."""
        return dict(sorted(Counter(pod.version for pod in self.pods).items()))


def read_now(api: ApiServer) -> dict[str, Workload]:
    """Return the workloads by their label `app`. Raises MeshError."""
    return now(_items(api, "api/v1/pods"), _items(api, "apis/apps/v1/deployments", "apis/apps/v1/statefulsets"))


def read_versions(api: ApiServer) -> dict[str, str]:
    """Return the versions of ReplicaSets, by name. They remain when their Pods are gone. Raises MeshError."""
    return versions(_items(api, "apis/apps/v1/replicasets"))


def now(pods: Iterable[Mapping[str, Any]], owners: Iterable[Mapping[str, Any]]) -> dict[str, Workload]:
    """Return the workloads by their label `app`, from the Pods and what owns them."""
    desired: Counter[str] = Counter()
    for each in owners:
        desired[_label(each, "app")] += each["spec"].get("replicas", 1)
    found: dict[str, list[Pod]] = {app: [] for app in desired}
    for pod in pods:
        if pod["status"].get("phase") not in {"Succeeded", "Failed"}:
            found.setdefault(_label(pod, "app"), []).append(_pod(pod))
    return {
        app: Workload(tuple(sorted(each, key=lambda pod: pod.name)), desired.get(app, 0)) for app, each in found.items()
    }


def earlier(pods: Mapping[str, Mapping[str, bool]], version_of: Mapping[str, str]) -> dict[str, Workload]:
    """Return the workloads of an earlier time: by app, the Pods of that time and whether they responded."""
    return {
        app: Workload(
            tuple(
                Pod(name, version_of.get(name.rpartition("-")[0], ""), up, "Up" if up else "Down", None)
                for name, up in sorted(each.items())
            ),
            None,
        )
        for app, each in pods.items()
    }


def versions(replica_sets: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the label `version` of the Pods of each ReplicaSet, by its name."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"].get("labels", {}).get("version", "")
        for each in replica_sets
    }


def _pod(pod: Mapping[str, Any]) -> Pod:
    status = pod["status"]
    statuses = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    waiting = [each["state"]["waiting"].get("reason", "Waiting") for each in statuses if "waiting" in each["state"]]
    deleted = "deletionTimestamp" in pod["metadata"]
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    return Pod(
        name=pod["metadata"]["name"],
        version=_label(pod, "version"),
        ready=conditions.get("Ready") == "True" and not deleted,
        state="Terminating" if deleted else next(iter(waiting), status.get("phase", "Unknown")),
        restarts=sum(each.get("restartCount", 0) for each in statuses),
        started=status.get("startTime", ""),
        address=status.get("podIP", ""),
        uid=pod["metadata"]["uid"],
    )


def _label(each: Mapping[str, Any], name: str) -> str:
    return str(each["metadata"].get("labels", {}).get(name, ""))


def _items(api: ApiServer, *paths: str) -> list[Mapping[str, Any]]:
    # The versions that the API server keeps for watches: it does not ask etcd.
    return [item for path in paths for item in api.read(f"/{path}?resourceVersion=0")["items"]]
