"""Breaks that were reviewed and may stand: proto/waivers.yaml says which, why, and until which release."""

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
    """One break that was reviewed."""

    element: str
    """The finding's subject, as the report prints it."""
    rule: str
    """The finding's rule, as the report prints it."""
    why: str
    until: str
    """The first release that is not covered: "0.2.0"."""

    def __str__(self) -> str:
        """Return the waiver's name, with its file."""
        return f"{self.element} ({self.rule}) in {FILE}"

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is the one that was reviewed."""
        return (finding.subject, finding.rule) == (self.element, self.rule)

    def expired(self, version: str) -> bool:
        """Return whether the project's version has reached the release that is not covered."""
        return _release(version) >= _release(self.until)


def load(root: Path) -> list[Waiver]:
    """Return the waivers of a checkout; without a file there are none. Raise SourceError if the file is malformed."""
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
    """Return the project's version. Raise SourceError if pyproject.toml does not say it."""
    try:
        found = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"pyproject.toml holds no version, which the waivers are judged by: {error}") from error
    if not RELEASE.match(str(found)):
        raise SourceError(f"pyproject.toml: expected a version such as 0.2.0, not {found!r}")
    return str(found)


def _read(number: int, waiver: object) -> Waiver:
    where, keys = f"{FILE}: waiver {number}", [each.name for each in fields(Waiver)]
    if not isinstance(waiver, dict):
        raise SourceError(f"{where}: expected the keys {', '.join(keys)}")
    if wrong := _first_wrong(waiver, keys):
        raise SourceError(f"{where}: {wrong}")
    values = {key: " ".join(waiver[key].split()) for key in keys}
    if not RELEASE.fullmatch(values["until"]):
        raise SourceError(f"{where}: until: expected a release such as 0.2.0, not {values['until']}")
    return Waiver(**values)


def _first_wrong(waiver: dict[object, object], keys: Collection[str]) -> str:
    """Return what is wrong with a waiver's keys, or an empty text."""
    if unknown := [key for key in waiver if key not in keys]:
        return f"unknown key {unknown[0]}"
    if missing := [key for key in keys if key not in waiver]:
        return f"{missing[0]} is missing"
    empty = (key for key in keys if not (isinstance(waiver[key], str) and str(waiver[key]).strip()))
    return next((f"{key}: expected a text, not {waiver[key]!r}" for key in empty), "")


def _release(text: str) -> tuple[int, ...]:
    found = RELEASE.match(text)
    return tuple(map(int, found.groups())) if found else ()
