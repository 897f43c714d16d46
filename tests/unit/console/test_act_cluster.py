"""What the API returns becomes workloads with their Pods, and routes with the shares of two versions."""

from mesh.local.console.act.cluster import Destination, splits
from tests.unit.console.act_world import virtual_service, world


def test_a_workload_has_the_pods_of_its_own_replica_sets() -> None:
    cluster = world().cluster
    assert [each.name for each in cluster.workloads] == ["catalog", "catalog-v2", "istiod"]
    assert [[pod.name for pod in each.pods] for each in cluster.workloads] == [
        ["catalog-7d4b9-aaaaa"],
        ["catalog-v2-7d4b9-bbbbb"],
        [],
    ]


def test_a_pod_shows_its_containers_and_native_sidecars() -> None:
    [pod] = world().cluster.workloads[0].pods
    assert [(each.name, each.ready, each.restarts, each.state) for each in pod.containers] == [
        ("app", True, 2, "Running"),
        ("istio-proxy", False, 1, "CrashLoopBackOff"),
    ]
    assert (pod.state, pod.ready, pod.version) == ("Running", True, "v1")


def test_only_a_route_with_two_weighted_versions_is_a_split() -> None:
    [split] = splits(virtual_service())
    assert (split.index, split.route, split.service) == (1, "canary", "catalog")
    assert split.destinations == (Destination("v1", 90), Destination("v2", 10))
    unweighted = virtual_service()
    del unweighted["spec"]["http"][1]["route"][0]["weight"]
    assert splits(unweighted) == []
