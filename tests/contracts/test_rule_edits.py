"""A change of validation rules is a break if, and only if, it rejects a request that was valid."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.checkout import ROOT
from tests.support.edits.edit import Replacement
from tools.breaking.changes import Correspondence
from tools.breaking.findings import Finding
from tools.breaking.image import Image
from tools.breaking.rules import compare
from tools.breaking.sources import IMPORTED, build
from tools.breaking.trials import Trials

FOLDER = ROOT / "tests/support/edits"
FILE = "proto/shop/kinds/v1/kinds.proto"
EDITS: dict[str, dict[str, Any]] = {
    each["edit"]: each for each in yaml.safe_load((FOLDER / "kinds.yaml").read_text(encoding="utf-8"))
}


def build_kinds(root: Path, replace: dict[str, str]) -> Image:
    """Build nothing but kinds.proto, which has a field of every kind, with these replacements."""
    path = root / FILE
    path.parent.mkdir(parents=True)
    shutil.copyfile(FOLDER / "kinds.proto", path)
    for imported in IMPORTED:
        (root / imported).parent.mkdir(parents=True, exist_ok=True)
        (root / imported).symlink_to(ROOT / imported)
    for old, new in replace.items():
        Replacement(FILE, old, new).apply(root)
    return build(root, root / "built.binpb").image


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Return kinds.proto without an edit."""
    return build_kinds(tmp_path_factory.mktemp("older"), {})


def test_a_valid_request_is_found_for_every_method(older: Image, tmp_path: Path) -> None:
    contracts = build(ROOT, tmp_path / "built.binpb").image
    for each in (older, contracts):
        pairs = Correspondence(each, each)
        trials = Trials(pairs, [])
        assert pairs.roots
        assert [was.full_name for was, now in pairs.roots if not trials.requests(was, now).bases] == []


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_of_rules_gets_its_verdict(older: Image, tmp_path: Path, edit: dict[str, Any]) -> None:
    if "before" in edit:
        older = build_kinds(tmp_path / "older", edit["before"])
    results = compare(older, build_kinds(tmp_path / "newer", edit["replace"]))
    findings = [each for each in results if isinstance(each, Finding)]
    if "undecided" in edit:
        assert {each.rule for each in findings} == {"RULE_UNDECIDED"}
    elif edit["breaks"]:
        # The proof is a request, which the report shows.
        assert {each.rule for each in findings} == {"RULE"}
        assert all("was valid and is now rejected" in each.description for each in findings)
    else:
        assert bool(findings) == ("false_alarm" in edit), findings
