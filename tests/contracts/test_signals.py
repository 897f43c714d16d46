"""Every method has its objective, its part of an alert and its panels; and a method that is added gets them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from tests.contracts.alert_world import FOLDER, loaded, methods_of
from tests.contracts.mistakes import ANYONE, contract, request
from tests.support.checkout import ROOT
from tests.support.contracts import methods, service_of
from tools.protoc_gen_signals.generate import generate

PROFILES = ("cluster", "local")
STREAMS = {path[1:] for path, method in methods().items() if method.server_streaming}
ALERTS = {"ServiceErrors", "ServiceSlow"}


def objectives(profile: str, metric: str) -> dict[str, dict[str, str]]:
    """Return the labels of the objective of each method."""
    rules = loaded(profile, "objectives")
    return {rule["labels"]["method"]: rule["labels"] for rule in rules if rule["record"] == metric}


def panels(content: Any) -> list[Any]:  # noqa: ANN401  # JSON
    """Return the panels of a dashboard of either kind."""
    listed = [panel for row in content["rows"] for panel in row["panels"]] if "rows" in content else content["panels"]
    return [panel for panel in listed if panel.get("type") != "row"]


def expressions(panel: dict[str, Any]) -> list[str]:
    """Return the expressions of a panel of either kind."""
    return panel["expr"] if "expr" in panel else [target["expr"] for target in panel["targets"]]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_method_has_an_objective_and_an_alert_with_its_owner(profile: str) -> None:
    errors = objectives(profile, "method:mesh_error_budget:ratio")
    slow = objectives(profile, "method:mesh_slow_budget:ratio")
    assert set(errors) == set(methods_of())
    assert set(slow) == set(methods_of()) - STREAMS
    for method, labels in errors.items():
        service = service_of(f"/{method}")
        found = {
            rule["alert"]: rule["labels"]
            for rule in loaded(profile, "alerts")
            if rule["labels"].get("service") == service and rule["labels"]["severity"] == "page"
        }
        assert set(found) == ALERTS, method
        for alert in found.values():
            assert {name: alert[name] for name in ("service", "owner", "tier")} == {
                name: labels[name] for name in ("service", "owner", "tier")
            }, method


@pytest.mark.parametrize("kind", ["grafana", "vmui"])
def test_every_method_has_panels_with_its_calls_latency_and_budget(kind: str) -> None:
    for method in methods_of():
        board = json.loads((FOLDER / kind / f"mesh-{service_of('/' + method)}.json").read_text(encoding="utf-8"))
        selector = f'method="{method}"'
        used = {
            re.sub(r"_bucket$", "", name)
            for panel in panels(board)
            for expr in expressions(panel)
            if selector in expr
            for name in re.findall(r"[a-z_:]+(?=\{)", expr)
        }
        assert used == {
            "mesh_rpc_requests_total",
            "mesh_rpc_duration_milliseconds",
            "method:mesh_error_budget:ratio",
        }, method


def test_a_method_that_is_added_gets_all_of_it(tmp_path: Path) -> None:
    more = f"rpc FindOrder(Order) returns (Order) {{\n{ANYONE}\n}}"
    before = generated(request(tmp_path, contract(ANYONE)), tmp_path)
    after = generated(request(tmp_path, contract(ANYONE, more=more)), tmp_path)
    name = "acme.v1.Orders/FindOrder"
    assert not [file for file, text in before.items() if name in text]
    assert {file for file, text in after.items() if name in text} == {
        "README.md",
        "cluster/objectives.yaml",
        "grafana/mesh-orders.json",
        "local/objectives.yaml",
        "prometheusrule.yaml",
        "vmui/mesh-orders.json",
    }


def generated(sent: CodeGeneratorRequest, root: Path) -> dict[str, str]:
    """Return the generated files by name."""
    sent.parameter = f"services={root}/services"
    return generate(sent)


def test_the_manifest_for_clusters_has_the_rules_of_their_profile() -> None:
    manifest = yaml.safe_load((FOLDER / "prometheusrule.yaml").read_text(encoding="utf-8"))
    rules = [rule for group in manifest["spec"]["groups"] for rule in group["rules"]]
    assert rules == [rule for name in ("objectives", "indicators", "alerts") for rule in loaded("cluster", name)]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    named = {rule["annotations"]["runbook"] for profile in PROFILES for rule in loaded(profile, "alerts")}
    runbooks = {f"docs/runbooks/{path.name}" for path in (ROOT / "docs/runbooks").glob("*.md")}
    assert named == runbooks - {"docs/runbooks/README.md"}


def test_every_alert_names_a_dashboard() -> None:
    boards = {path.stem for path in (FOLDER / "grafana").iterdir()}
    for rule in loaded("cluster", "alerts"):
        name = rule["annotations"]["dashboard"].replace("{{ $labels.service }}", "orders")
        assert name in boards, rule["alert"]
