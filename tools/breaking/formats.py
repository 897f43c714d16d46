"""The report for other programs: JSON, SARIF 2.1.0 for code review tools, and GitHub's annotations."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tools.breaking.advice import advice_for
from tools.breaking.findings import Level
from tools.breaking.report import Break, Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
README = "tools/breaking/README.md"
WAIVERS = "proto/waivers.yaml"


def as_text(report: Report) -> str:
    """Return the report for a terminal."""
    return report.text()


def as_json(report: Report) -> str:
    """Return the report as one JSON object."""
    return _dump(
        {
            "breaks": [_entry(each) for each in report.breaks],
            "waived": [{"element": each.element, "rule": each.rule, "why": each.why} for each in report.waived],
            "compatible": [{"category": note.category, "description": note.description} for note in report.notes],
            "problems": [*report.problems, *report.faults.splitlines()],
        }
    )


def as_sarif(report: Report) -> str:
    """Return the breaks as SARIF 2.1.0. Changes of code only are warnings, all others errors."""
    rules = sorted({each.finding.rule for each in report.breaks})
    driver = {
        "name": "breaking",
        "informationUri": README,
        "rules": [{"id": rule, "helpUri": README} for rule in rules],
    }
    results = [
        {
            "ruleId": each.finding.rule,
            "ruleIndex": rules.index(each.finding.rule),
            "level": _severity(each),
            "message": {"text": _message(each)},
            "locations": [_location(each)],
            "properties": _entry(each),
        }
        for each in report.breaks
    ]
    faults = [*report.problems, *report.faults.splitlines()]
    notifications = [{"level": "error", "message": {"text": fault}} for fault in faults]
    invocation = {"executionSuccessful": not report.faults, "toolExecutionNotifications": notifications}
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": results}
    return _dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def as_github(report: Report) -> str:
    """Return the breaks as workflow commands, which GitHub shows as annotations of the changed lines."""
    return "".join(f"{line}\n" for line in _commands(report))


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def _commands(report: Report) -> Iterator[str]:
    for each in report.breaks:
        file, _, line = each.finding.location.rpartition(":")
        title = f"{each.finding.level.value}: {each.finding.subject}"
        place = f"file={_property(file)},line={line},title={_property(title)}"
        yield f"::{_severity(each)} {place}::{_data(_message(each))}"
    for problem in (*report.problems, *report.faults.splitlines()):
        yield f"::error file={WAIVERS if problem in report.problems else README}::{_data(problem)}"


def _entry(item: Break) -> dict[str, Any]:
    finding = item.finding
    file, _, line = finding.location.rpartition(":")
    return {
        "element": finding.subject,
        "level": finding.level.value,
        "rule": finding.rule,
        "change": finding.description,
        "file": file,
        "line": int(line),
        "against": list(item.bases),
        "affects": [
            {"name": each.name, "usage": each.usage, "lines": list(each.lines), "serves": each.only_serves}
            for each in item.consumers
        ],
        "instead": advice_for(finding),
    }


def _message(item: Break) -> str:
    affected = ", ".join(each.name for each in item.consumers if not each.only_serves) or "no known consumers"
    level = f"{item.finding.level.value}: {item.finding.level.meaning}"
    return f"{item.finding.description} Level {level}. Affects: {affected}. Instead: {advice_for(item.finding)}."


def _severity(item: Break) -> str:
    return "warning" if item.finding.level == Level.SOURCE else "error"


def _location(item: Break) -> dict[str, Any]:
    file, _, line = item.finding.location.rpartition(":")
    return {
        "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": int(line)}},
        "logicalLocations": [{"fullyQualifiedName": item.finding.subject}],
    }


def _dump(value: object) -> str:
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"


def _data(text: str) -> str:
    return re.sub(r"[%\r\n]", lambda found: f"%{ord(found[0]):02X}", text)


def _property(text: str) -> str:
    return re.sub(r"[%\r\n:,]", lambda found: f"%{ord(found[0]):02X}", text)
