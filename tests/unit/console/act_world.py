"""A small cluster, in the shapes that the Kubernetes API returns."""

from typing import Any

from mesh.local.chaos.faults import EXPERIMENTS
from mesh.local.console.act.acts import World
from mesh.local.console.act.cluster import Cluster, splits, workloads

HOST = "catalog.shop.svc.cluster.local"


def deployment(name: str, app: str, version: str, namespace: str = "shop") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": app, "version": version}}}},
        "status": {"readyReplicas": 1, "updatedReplicas": 1},
    }


def pod(owner: str, suffix: str, namespace: str = "shop") -> dict[str, Any]:
    running = {"ready": True, "restartCount": 2, "state": {"running": {"startedAt": "2026-11-28T20:08:06Z"}}}
    return {
        "metadata": {
            "name": f"{owner}-7d4b9-{suffix}",
            "namespace": namespace,
            "creationTimestamp": "2026-11-28T20:08:03Z",
            "labels": {"app": owner, "pod-template-hash": "7d4b9", "version": "v1"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{owner}-7d4b9"}],
        },
        "spec": {
            "containers": [{"name": "app"}],
            "initContainers": [{"name": "migrate"}, {"name": "istio-proxy", "restartPolicy": "Always"}],
        },
        "status": {
            "phase": "Running",
            "podIP": "127.20.1.5",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", **running}],
            "initContainerStatuses": [
                {"name": "migrate", "ready": True, "restartCount": 0, "state": {"terminated": {"reason": "Completed"}}},
                {
                    "name": "istio-proxy",
                    "ready": False,
                    "restartCount": 1,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                },
            ],
        },
    }


def virtual_service() -> dict[str, Any]:
    """Return a route with the shares of two versions, after one with a single destination."""
    routes = [{"destination": {"host": HOST, "subset": f"v{n}"}, "weight": weight} for n, weight in ((1, 90), (2, 10))]
    stream = {"name": "watch", "route": [{"destination": {"host": HOST}}]}
    return {
        "metadata": {"name": "catalog-traffic", "namespace": "shop"},
        "spec": {"http": [stream, {"name": "canary", "route": routes}]},
    }


def world(instance: str = "default") -> World:
    deployments = [
        deployment("catalog-v2", "catalog", "v2"),
        deployment("catalog", "catalog", "v1"),
        deployment("istiod", "istiod", "", "istio-system"),
    ]
    pods = [pod("catalog", "aaaaa"), pod("catalog-v2", "bbbbb")]
    cluster = Cluster(workloads({"deployment": deployments}, pods), splits(virtual_service()))
    return World(instance, ["canary-by-weight", "fault-abort"], EXPERIMENTS, cluster)
