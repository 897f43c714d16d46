"""What can be acted on: workloads with their Pods, and routes that split calls between two versions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mesh.local.clients.api_server import ApiServer

Manifest = Mapping[str, Any]
KINDS = {"deployments": "deployment", "statefulsets": "statefulset"}


@dataclass(frozen=True)
class Container:
    """A container of a Pod, and what it does: `Running`, or why it does not run."""

    name: str
    ready: bool
    restarts: int
    state: str


@dataclass(frozen=True)
class Pod:
    """A Pod of a workload."""

    name: str
    address: str
    state: str
    """Its phase, or `Terminating`."""
    ready: bool
    created: str
    version: str
    containers: Sequence[Container]

    @classmethod
    def of(cls, pod: Manifest) -> Self:
        """Read a Pod of the API. Its init containers that end are left out."""
        status, metadata = pod["status"], pod["metadata"]
        sidecars = {each["name"] for each in pod["spec"].get("initContainers", []) if "restartPolicy" in each}
        found = status.get("containerStatuses", [])
        found += [each for each in status.get("initContainerStatuses", []) if each["name"] in sidecars]
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        return cls(
            metadata["name"],
            status.get("podIP", ""),
            "Terminating" if metadata.get("deletionTimestamp") else status.get("phase", "Unknown"),
            conditions.get("Ready") == "True",
            metadata["creationTimestamp"],
            metadata.get("labels", {}).get("version", ""),
            [Container(each["name"], each["ready"], each["restartCount"], _state(each)) for each in found],
        )


@dataclass(frozen=True)
class Workload:
    """A Deployment or a StatefulSet."""

    namespace: str
    kind: str
    """As kubectl names it: deployment or statefulset."""
    name: str
    app: str
    version: str
    """The labels of its Pods; empty if they have none."""
    replicas: int
    ready: int
    pods: Sequence[Pod]


@dataclass(frozen=True)
class Destination:
    """A version in a route, and the percentage of the calls that it gets."""

    subset: str
    weight: int


@dataclass(frozen=True)
class Split:
    """A route of a VirtualService that splits the calls of a service between two versions."""

    namespace: str
    virtual_service: str
    index: int
    """Its position in `spec.http`."""
    route: str
    service: str
    destinations: tuple[Destination, Destination]


@dataclass(frozen=True)
class Cluster:
    """What can be acted on now."""

    workloads: Sequence[Workload]
    splits: Sequence[Split]

    @classmethod
    def read(cls, api: ApiServer) -> Self:
        """Read it. Raises MeshError if the API server does not respond."""
        pods = api.read("/api/v1/pods")["items"]
        found = {kind: api.read(f"/apis/apps/v1/{plural}")["items"] for plural, kind in KINDS.items()}
        routes = api.read("/apis/networking.istio.io/v1/virtualservices")["items"]
        return cls(workloads(found, pods), [split for each in routes for split in splits(each)])


def workloads(found: Mapping[str, Iterable[Manifest]], pods: Iterable[Manifest]) -> list[Workload]:
    """Return the workloads by kind with their Pods, those of the shop first."""
    by_owner: dict[tuple[str, str, str], list[Pod]] = {}
    for pod in pods:
        if owner := _owner(pod):
            by_owner.setdefault(owner, []).append(Pod.of(pod))
    every = [
        _workload(kind, each, by_owner.get((each["metadata"]["namespace"], kind, each["metadata"]["name"]), []))
        for kind, listed in found.items()
        for each in listed
    ]
    return sorted(every, key=lambda each: (each.namespace != "shop", each.namespace, each.name))


def splits(virtual_service: Manifest) -> list[Split]:
    """Return the routes of a VirtualService that split calls between two subsets of one host."""
    found = []
    metadata = virtual_service["metadata"]
    for index, http in enumerate(virtual_service["spec"].get("http", [])):
        routes = http.get("route", [])
        hosts = {each["destination"]["host"] for each in routes}
        subsets = [each["destination"].get("subset") for each in routes]
        if len(routes) != 2 or len(hosts) != 1 or not all(subsets) or not all("weight" in each for each in routes):
            continue
        first, second = (Destination(each["destination"]["subset"], each["weight"]) for each in routes)
        service = hosts.pop().partition(".")[0]
        name = http.get("name", "")
        found.append(Split(metadata["namespace"], metadata["name"], index, name, service, (first, second)))
    return found


def _workload(kind: str, found: Manifest, pods: Sequence[Pod]) -> Workload:
    metadata, spec, status = found["metadata"], found["spec"], found.get("status", {})
    labels = spec["template"]["metadata"].get("labels", {})
    return Workload(
        metadata["namespace"],
        kind,
        metadata["name"],
        labels.get("app", metadata["name"]),
        labels.get("version", ""),
        spec.get("replicas", 1),
        status.get("readyReplicas", 0),
        sorted(pods, key=lambda pod: (pod.created, pod.name)),
    )


def _owner(pod: Manifest) -> tuple[str, str, str] | None:
    """Return namespace, kind and name of the workload of a Pod. The ReplicaSet of a Deployment has its name."""
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences", []):
        if owner["kind"] == "ReplicaSet":
            suffix = metadata["labels"].get("pod-template-hash", "")
            return metadata["namespace"], "deployment", owner["name"].removesuffix(f"-{suffix}")
        if owner["kind"] == "StatefulSet":
            return metadata["namespace"], "statefulset", owner["name"]
    return None


def _state(status: Manifest) -> str:
    for name, details in status.get("state", {}).items():
        return "Running" if name == "running" else str(details.get("reason", name))
    return "Unknown"
