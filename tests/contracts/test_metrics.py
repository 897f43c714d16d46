"""Each proxy counts exactly the methods of the contracts, and may send spans to the collector."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.local.matrix.declared import methods
from tests.contracts.conftest import Checkout
from tests.contracts.policies import Output, run_plugin
from tests.support.checkout import ROOT

COLLECTOR = "monitoring/collector.monitoring.svc.cluster.local"
OPTIONS = {"services": "services", "namespace": "shop", "gateway": "shop-ingress/public"}


@pytest.fixture
def output(project: Checkout, tmp_path: Path) -> Output:
    return run_plugin(project.root, tmp_path / "out", "proto", collector=f"{COLLECTOR}:4317", **OPTIONS)


def manifest(output: Output, kind: str, namespace: str) -> dict[str, Any]:
    manifests = yaml.safe_load_all(output.files["metrics.yaml"])
    return next(each for each in manifests if (each["kind"], each["metadata"]["namespace"]) == (kind, namespace))


def paths(*, public: bool) -> set[str]:
    return {method.path for method in methods(ROOT) if method.is_public or not public}


@pytest.mark.parametrize(("namespace", "public"), [("shop", False), ("shop-ingress", True)])
def test_upstream_envoy_counts_the_methods_and_no_other_path(output: Output, namespace: str, *, public: bool) -> None:
    for patch in manifest(output, "EnvoyFilter", namespace)["spec"]["configPatches"]:
        assert patch["match"]["proxy"]["metadata"] == {"UPSTREAM_ENVOY": "true"}
        [logger] = patch["patch"]["value"]["typed_config"]["access_log"]
        path, _ = (each["header_filter"]["header"] for each in logger["filter"]["and_filter"]["filters"])
        pattern = re.compile(path["string_match"]["safe_regex"]["regex"])
        counted = {path for path in paths(public=False) if pattern.fullmatch(path)}
        assert counted == paths(public=public)
        assert not any(pattern.fullmatch(f"{path}x") or pattern.fullmatch(f"/x{path}") for path in counted)


@pytest.mark.parametrize(("namespace", "public"), [("shop", False), ("shop-ingress", True)])
def test_istio_proxy_labels_the_methods_and_no_other_path(output: Output, namespace: str, *, public: bool) -> None:
    [metrics] = manifest(output, "Telemetry", namespace)["spec"]["metrics"]
    assert {each["match"]["metric"] for each in metrics["overrides"]} == {"REQUEST_COUNT", "REQUEST_DURATION"}
    for override in metrics["overrides"]:
        listed, _, rest = override["tagOverrides"]["method"]["value"].partition("] ? ")
        assert set(re.findall("'([^']+)'", listed)) == paths(public=public)
        assert rest == "request.url_path : 'other'"


def test_each_workload_may_send_spans_to_the_collector(output: Output) -> None:
    for name, sidecar in output.manifests("Sidecar").items():
        first, *others = sidecar["spec"]["egress"]
        assert first == {"port": {"number": 4317, "protocol": "TCP", "name": "tcp-spans"}, "hosts": [COLLECTOR]}, name
        assert others, name


def test_without_a_collector_no_workload_may(project: Checkout, tmp_path: Path) -> None:
    output = run_plugin(project.root, tmp_path / "out", "proto", **OPTIONS)
    assert all(len(each["spec"]["egress"]) == 1 for each in output.manifests("Sidecar").values())


@pytest.mark.parametrize("value", ["collector:4317", "monitoring/collector", "monitoring/collector:0", "a/b:c"])
def test_a_collector_has_a_namespace_a_host_and_a_port(project: Checkout, tmp_path: Path, value: str) -> None:
    output = run_plugin(project.root, tmp_path / "out", "proto", collector=value, **OPTIONS)
    assert f"collector={value}: expected <namespace>/<host>:<port>" in output.error
