"""The generated dashboards have the form that vmui and Grafana read, and a cluster can apply them."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mesh.local.tools import bin_dir
from tests.contracts.alert_world import FOLDER
from tests.contracts.dashboards import GRAFANA, VMUI

FILES = [path.relative_to(FOLDER) for kind in ("grafana", "vmui") for path in sorted((FOLDER / kind).iterdir())]
MAX_CONFIG_MAP_BYTES = 1 << 20


def read(file: Path) -> Any:  # noqa: ANN401  # JSON
    return json.loads((FOLDER / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_dashboard_has_the_form_that_its_page_reads(file: Path) -> None:
    schema = GRAFANA if file.parts[0] == "grafana" else VMUI
    assert [error.message for error in Draft202012Validator(schema).iter_errors(read(file))] == []


def test_both_pages_have_the_same_dashboards() -> None:
    grafana, vmui = ({file.name for file in FILES if file.parts[0] == kind} for kind in ("grafana", "vmui"))
    assert grafana == vmui


@pytest.mark.parametrize("file", [file for file in FILES if file.parts[0] == "grafana"], ids=str)
def test_no_panel_covers_another(file: Path) -> None:
    panels = read(file)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = sorted((each["gridPos"]["y"], each["gridPos"]["x"], each["gridPos"]) for each in panels)
    for (_, _, first), (_, _, second) in pairwise(places):
        beside = first["y"] == second["y"] and first["x"] + first["w"] <= second["x"]
        assert beside or first["y"] + first["h"] <= second["y"]
        assert second["x"] + second["w"] <= 24


def test_a_cluster_can_apply_the_folder() -> None:
    command = [str(bin_dir() / "kubectl"), "kustomize", str(FOLDER)]
    built = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    manifests = {each["kind"]: each for each in yaml.safe_load_all(built.stdout)}
    assert manifests.keys() == {"ConfigMap", "PrometheusRule"}
    dashboards = manifests["ConfigMap"]["data"]
    assert set(dashboards) == {path.name for path in (FOLDER / "grafana").iterdir()}
    assert sum(map(len, dashboards.values())) < MAX_CONFIG_MAP_BYTES


def test_the_local_mesh_has_every_dashboard_and_every_rule() -> None:
    kustomization = yaml.safe_load((FOLDER.parent / "kustomization.yaml").read_text(encoding="utf-8"))
    listed = {path.rpartition("=")[2] for each in kustomization["configMapGenerator"] for path in each["files"]}
    patterns = ("contracts/vmui/*.json", "contracts/local/*.yaml", "rules/*.yaml")
    files = {str(path.relative_to(FOLDER.parent)) for pattern in patterns for path in FOLDER.parent.glob(pattern)}
    assert listed == files
