"""Waivers: breaking changes that were reviewed and accepted, in proto/waivers.yaml."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from tools.breaking.findings import Finding
from tools.breaking.sources import SourceError

FILE = "proto/waivers.yaml"
RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Waiver:
    """One accepted breaking change."""

    element: str
    """The changed element, as in the report."""
    rule: str
    """The rule, as in the report."""
    why: str
    until: str
    """The first release for which the waiver is not valid: "0.2.0"."""

    def __str__(self) -> str:
        """Return the waiver's name and file."""
        return f"{self.element} ({self.rule}) in {FILE}"

    def covers(self, finding: Finding) -> bool:
        """Return whether the waiver is for this finding."""
        return (finding.subject, finding.rule) == (self.element, self.rule)

    def expired(self, version: str) -> bool:
        """Return whether the project's version has reached `until`."""
        return _release(version) >= _release(self.until)


def load(root: Path) -> list[Waiver]:
    """Return the waivers of a checkout; none without the file. Raise SourceError if the file is malformed."""
    path = root / FILE
    if not path.exists():
        return []
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{FILE} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(listed, list | None):
        raise SourceError(f"{FILE}: expected a list of waivers")
    waivers = [_read(number, each) for number, each in enumerate(listed or [], 1)]
    for number, waiver in enumerate(waivers, 1):
        if any((waiver.element, waiver.rule) == (other.element, other.rule) for other in waivers[: number - 1]):
            raise SourceError(f"{FILE}: waiver {number}: {waiver.element} ({waiver.rule}) is waived twice")
    return waivers


def version(root: Path) -> str:
    """Return the project's version. Raise SourceError if pyproject.toml has none."""
    try:
        number = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"pyproject.toml has no version, which the waivers need: {error}") from error
    if not RELEASE.match(str(number)):
        raise SourceError(f"pyproject.toml: expected a version such as 0.2.0, not {number!r}")
    return str(number)


def _read(number: int, waiver: object) -> Waiver:
    prefix, keys = f"{FILE}: waiver {number}", [each.name for each in fields(Waiver)]
    if not isinstance(waiver, dict):
        raise SourceError(f"{prefix}: expected the keys {', '.join(keys)}")
    if fault := _first_fault(waiver, keys):
        raise SourceError(f"{prefix}: {fault}")
    values = {key: " ".join(waiver[key].split()) for key in keys}
    if not RELEASE.fullmatch(values["until"]):
        raise SourceError(f"{prefix}: until: expected a release such as 0.2.0, not {values['until']}")
    return Waiver(**values)


def _first_fault(waiver: dict[object, object], keys: Collection[str]) -> str:
    """Return the first fault of a waiver's keys and values, or an empty string."""
    if unknown := [key for key in waiver if key not in keys]:
        return f"unknown key {unknown[0]}"
    if missing := [key for key in keys if key not in waiver]:
        return f"{missing[0]} is missing"
    empty = (key for key in keys if not (isinstance(waiver[key], str) and str(waiver[key]).strip()))
    return next((f"{key}: expected a string, not {waiver[key]!r}" for key in empty), "")


def _release(text: str) -> tuple[int, ...]:
    match = RELEASE.match(text)
    return tuple(map(int, match.groups())) if match else ()
