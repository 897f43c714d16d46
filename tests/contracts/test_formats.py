"""The report of `make breaking` for other programs: JSON, SARIF and GitHub's annotations."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.contracts.conftest import Checkout
from tests.support.checkout import ROOT
from tests.support.edits.edit import CATALOG
from tools.breaking.__main__ import main
from tools.breaking.advice import ADVICE
from tools.breaking.findings import MEANINGS, Level

RENAMED = "shop.catalog.v1.Product.display_name"
SERVICE = "services/orders/service.yaml"
CALL = "orders/calls/shop.shipping.v1.ShippingService/CancelShipment"
TEXT = {"type": "string", "minLength": 1}
SARIF = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                    "additionalProperties": False,
                },
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                "invocations": {"type": "array", "items": {"type": "object", "required": ["executionSuccessful"]}},
            },
            "additionalProperties": False,
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": TEXT,
                "informationUri": TEXT,
                "rules": {"type": "array", "uniqueItems": True, "items": {"type": "object", "required": ["id"]}},
            },
            "additionalProperties": False,
        },
        "result": {
            "type": "object",
            "required": ["message", "ruleId", "level", "locations"],
            "properties": {
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"type": "object", "required": ["text"], "properties": {"text": TEXT}},
                "locations": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "type": "object",
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "properties": {
                        "artifactLocation": {"type": "object", "properties": {"uri": TEXT}},
                        "region": {"type": "object", "properties": {"startLine": {"type": "integer", "minimum": 1}}},
                    },
                }
            },
        },
    },
}
"""The part of https://docs.oasis-open.org/sarif/sarif/v2.1.0/ that the report uses."""


@pytest.fixture
def edited(contracts: Checkout) -> Checkout:
    """Return contracts with a renamed field, and without a call of orders."""
    contracts.edit(CATALOG, "  string display_name = 2 [", "  string title = 2 [")
    contracts.edit(SERVICE, "[BookShipment, CancelShipment]", "[BookShipment]")
    return contracts


def report(checkout: Checkout, format_: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Return the report on standard output of a comparison with the project's contracts."""
    assert main(["--format", format_, str(ROOT)], checkout.root) == 1
    captured = capfd.readouterr()
    assert captured.err == f"comparing proto/ with the folder {ROOT}\n", "nothing but the report is on standard output"
    return captured.out


def line_of(root: Path, word: str) -> int:
    """Return the number of the line with a word."""
    lines = (root / CATALOG).read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if word in line]
    return number


def test_json_names_for_each_break_everything_that_the_text_names(
    edited: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    breaks = json.loads(report(edited, "json", capfd))["breaks"]
    renamed, call = (next(each for each in breaks if each["element"] == name) for name in (RENAMED, CALL))
    assert (renamed["level"], renamed["rule"], renamed["file"]) == ("JSON", "FIELD_SAME_NAME", CATALOG)
    assert renamed["line"] == line_of(edited.root, "string title")
    assert renamed["instead"] == ADVICE["FIELD_SAME_NAME"]
    assert {each["name"] for each in renamed["affects"]} == {"catalog", "operator", "orders", "outside"}
    assert (call["level"], call["file"], call["instead"]) == ("policy", SERVICE, ADVICE["CALL_NO_DELETE"])
    assert [each["name"] for each in call["affects"]] == ["orders"]


def test_sarif_is_valid_and_has_one_result_for_each_break(edited: Checkout, capfd: pytest.CaptureFixture[str]) -> None:
    log: dict[str, Any] = json.loads(report(edited, "sarif", capfd))
    Draft202012Validator(SARIF).validate(log)
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    results = run["results"]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in results)
    places = {each["ruleId"]: each["locations"][0]["physicalLocation"] for each in results}
    assert places["FIELD_SAME_NAME"]["artifactLocation"]["uri"] == CATALOG
    assert places["FIELD_SAME_NAME"]["region"]["startLine"] == line_of(edited.root, "string title")
    assert places["CALL_NO_DELETE"]["artifactLocation"]["uri"] == SERVICE
    [message] = [each["message"]["text"] for each in results if each["ruleId"] == "CALL_NO_DELETE"]
    assert f"Level policy: {MEANINGS[Level.POLICY]}. Affects: orders. Instead: {ADVICE['CALL_NO_DELETE']}." in message


def test_github_gets_one_annotation_for_each_break(edited: Checkout, capfd: pytest.CaptureFixture[str]) -> None:
    lines = report(edited, "github", capfd).splitlines()
    line = line_of(edited.root, "string title")
    assert any(each.startswith(f"::error file={CATALOG},line={line},title=JSON%3A {RENAMED}::Field") for each in lines)
    assert any(each.startswith(f"::error file={SERVICE},line=1,title=policy%3A {CALL}::It no longer") for each in lines)
    assert len(lines) == 2


def test_make_passes_the_format(checkout: Checkout) -> None:
    checkout.edit(CATALOG, "  string display_name = 2 [", "  string title = 2 [")
    run = checkout.make("--silent", "breaking", "FORMAT=github")
    assert run.returncode != 0
    assert f"::error file={CATALOG}," in run.stdout


def test_every_rule_of_the_policies_and_declarations_has_advice() -> None:
    rules = {
        "CALLERS", "CALL_NO_DELETE", "EMITS_NO_DELETE", "FIELD_BEHAVIOR", "LIMIT", "OWNS_NO_DELETE", "PORT",
        "RATE_LIMIT", "REDACT", "RESOURCE", "RETRIES", "RULE_UNDECIDED", "SERVES_NO_DELETE", "SERVICE_SAME_NAME",
        "TRANSCODING",
    }  # fmt: skip
    assert rules <= ADVICE.keys()
