"""Each act is the words of one command. A parameter that names nothing, or is out of bounds, is refused."""

import json
import shlex

import pytest

from mesh.local.console.act.acts import ACTS, InvalidError, mesh_program, plan
from tests.unit.console.act_world import world

MESH = mesh_program()
CATALOG = {"workload": "catalog"}
POD = "catalog-7d4b9-aaaaa"
KILL = {**CATALOG, "pod": POD, "container": "istio-proxy"}
ISTIOD = {"namespace": "istio-system", "workload": "istiod"}


@pytest.mark.parametrize(
    ("act", "params", "command"),
    [
        ("apply-scenario", {"scenario": "fault-abort"}, "kubectl apply -k mesh/istio/scenarios/fault-abort"),
        (
            "delete-scenario",
            {"scenario": "fault-abort"},
            "kubectl delete --ignore-not-found -k mesh/istio/scenarios/fault-abort",
        ),
        ("scale", {**CATALOG, "replicas": "2"}, "kubectl scale -n shop deployment/catalog --replicas=2"),
        ("restart", ISTIOD, "kubectl rollout restart -n istio-system deployment/istiod"),
        ("delete-pod", {**CATALOG, "pod": POD}, f"kubectl delete pod -n shop {POD}"),
        ("kill", KILL, f"kubectl exec -n shop {POD} -c istio-proxy -- kill -KILL 1"),
        (
            "canary",
            {"service": "catalog", "version": "v2", "seconds": "5"},
            f"{MESH} canary catalog v2 --seconds 5 --calls 100",
        ),
        ("chaos", {"experiment": "kafka-gone", "alerts": "yes"}, f"{MESH} chaos kafka-gone --seconds 8 --json"),
        (
            "chaos",
            {"experiment": "delay", "service": "catalog", "seconds": "3", "alerts": "no"},
            f"{MESH} chaos delay --service catalog --seconds 3 --no-alerts --json",
        ),
    ],
)
def test_an_act_is_one_command(act: str, params: dict[str, str], command: str) -> None:
    assert shlex.join(plan(act, params, world()).words) == command


def test_the_command_names_a_mesh_that_is_not_the_default_one() -> None:
    words = plan("chaos", {"experiment": "kafka-gone"}, world("other")).words
    assert words[:4] == [MESH, "chaos", "-i", "other"]


def test_weights_are_patched_in_the_route_that_splits() -> None:
    words = plan("set-weights", {"route": "shop/catalog-traffic/1", "percent": "35"}, world()).words
    assert words[:4] == ["kubectl", "patch", "virtualservice", "catalog-traffic"]
    assert json.loads(words[-1]) == [
        {"op": "replace", "path": "/spec/http/1/route/0/weight", "value": 65},
        {"op": "replace", "path": "/spec/http/1/route/1/weight", "value": 35},
    ]


@pytest.mark.parametrize(
    ("act", "params"),
    [
        ("apply-scenario", {}),
        ("apply-scenario", {"scenario": "graceful-rollout"}),
        ("apply-scenario", {"scenario": "../../kubernetes/overlays/local"}),
        ("apply-scenario", {"scenario": "fault-abort; touch x"}),
        ("apply-scenario", {"scenario": "fault-abort", "namespace": "shop"}),
        ("delete-scenario", {"scenario": "--all"}),
        ("scale", {"workload": "nosuch", "replicas": "1"}),
        ("scale", {"workload": "$(id)", "replicas": "1"}),
        ("scale", {"namespace": "kube-system", "workload": "catalog", "replicas": "1"}),
        ("scale", {"namespace": "istio-system", "workload": "catalog", "replicas": "1"}),
        *(
            ("scale", {**CATALOG, "replicas": value})
            for value in ("", "-1", "11", "1.0", "1e1", " 1", "1_0", "²", "٣", "1 --all", "999999999999")
        ),
        ("restart", {"workload": "catalog --all"}),
        ("delete-pod", {**CATALOG, "pod": "catalog-v2-7d4b9-bbbbb"}),
        ("delete-pod", {**CATALOG, "pod": "--all"}),
        ("kill", {**KILL, "container": "migrate"}),
        ("kill", {**KILL, "container": "app -- rm"}),
        ("kill", {**KILL, "signal": "TERM"}),
        ("set-weights", {"route": "shop/catalog-traffic/0", "percent": "10"}),
        ("set-weights", {"route": "shop/catalog-traffic/1", "percent": "101"}),
        ("canary", {"service": "catalog", "version": "v3"}),
        ("canary", {"service": "istiod", "version": "v2"}),
        ("canary", {"service": "catalog", "version": "v2", "seconds": "0"}),
        ("chaos", {"experiment": "earthquake"}),
        ("chaos", {"experiment": "all"}),
        ("chaos", {"experiment": "kafka-gone", "service": "catalog"}),
        ("chaos", {"experiment": "delay", "service": "catalog-v2"}),
        ("chaos", {"experiment": "delay", "seconds": "301"}),
        ("chaos", {"experiment": "delay", "alerts": "maybe"}),
    ],
)
def test_anything_else_is_refused(act: str, params: dict[str, str]) -> None:
    with pytest.raises(InvalidError):
        plan(act, params, world())


def test_no_act_starts_a_shell() -> None:
    params = {
        "apply-scenario": {"scenario": "fault-abort"},
        "delete-scenario": {"scenario": "fault-abort"},
        "set-weights": {"route": "shop/catalog-traffic/1", "percent": "50"},
        "canary": {"service": "catalog", "version": "v2"},
        "scale": {**CATALOG, "replicas": "0"},
        "restart": CATALOG,
        "delete-pod": {**CATALOG, "pod": POD},
        "kill": KILL,
        "chaos": {"experiment": "abort"},
    }
    assert params.keys() == ACTS.keys()
    assert {plan(act, given, world()).words[0] for act, given in params.items()} == {"kubectl", MESH}


def test_what_destroys_something_has_a_warning() -> None:
    assert plan("scale", {**CATALOG, "replicas": "0"}, world()).warning
    assert not plan("scale", {**CATALOG, "replicas": "1"}, world()).warning
    assert plan("kill", KILL, world()).warning
