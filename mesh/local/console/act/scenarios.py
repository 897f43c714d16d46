"""The scenarios, and which of them are applied: each object is compared with the one that the cluster has."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import yaml

from mesh.local.clients.api_server import ApiServer
from mesh.local.clients.kubectl import Kubectl
from mesh.local.console.act.acts import SCENARIOS
from mesh.local.console.act.cluster import Manifest
from mesh.local.instance import REPOSITORY

FOLDER = REPOSITORY / SCENARIOS
ROW = re.compile(r"^\| \[(?P<name>[a-z-]+)\]\([a-z-]+\) \| (?P<effect>.+) \|$", re.MULTILINE)
RENDERERS = 2
"""kubectl processes that render at the same time."""


class State(StrEnum):
    """How much of a scenario, or of one of its objects, is in the cluster."""

    APPLIED = "applied"
    PARTLY = "partly applied"
    NOT_APPLIED = "not applied"
    NOTHING = "nothing to apply"


class Key(NamedTuple):
    """What identifies an object."""

    api: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> "Key":
        """Return the key of an object."""
        metadata = manifest["metadata"]
        return cls(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"])


@dataclass(frozen=True)
class Scenario:
    """A scenario, with its objects as `kubectl kustomize` renders them."""

    name: str
    effect: str
    """The line of the table in the README of all scenarios."""
    manifests: Sequence[Manifest]


@dataclass(frozen=True)
class ObjectStatus:
    """An object of a scenario: `same` as in the scenario, `different`, or `missing`."""

    kind: str
    namespace: str
    name: str
    status: str


@dataclass(frozen=True)
class Status:
    """How much of a scenario is applied."""

    name: str
    effect: str
    state: State
    objects: Sequence[ObjectStatus]
    shared_with: Sequence[str]
    """Applied scenarios that have some of its objects with the same content."""


class Scenarios:
    """The scenarios of the checkout. They are rendered again when a file has changed."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._fingerprint: list[tuple[str, int]] = []
        self._rendered: list[Scenario] = []

    def all(self) -> list[Scenario]:
        """Return all scenarios. The first call takes seconds. Raises MeshError if one cannot be rendered."""
        fingerprint = _fingerprint()
        if fingerprint != self._fingerprint:
            effects = {row["name"]: row["effect"] for row in ROW.finditer((FOLDER / "README.md").read_text())}
            with ThreadPoolExecutor(RENDERERS) as pool:
                manifests = list(pool.map(self._render, effects))
            self._rendered = [Scenario(*each, found) for each, found in zip(effects.items(), manifests, strict=True)]
            self._fingerprint = fingerprint
        return self._rendered

    def _render(self, name: str) -> list[Manifest]:
        folder = FOLDER / name
        if not (folder / "kustomization.yaml").exists():
            return []
        # The C parser is ten times as fast.
        return list(yaml.load_all(self._kubectl.run("kustomize", str(folder)), yaml.CSafeLoader))


@dataclass
class Live:
    """The objects of a cluster, listed by kind."""

    api: ApiServer
    _plurals: dict[tuple[str, str], str] = field(default_factory=dict)

    def read(self, scenarios: Sequence[Scenario]) -> dict[Key, Manifest]:
        """Return the objects of every kind that the scenarios have. Raises MeshError."""
        kinds = {(each["apiVersion"], each["kind"]) for scenario in scenarios for each in scenario.manifests}
        found = [(kind, each) for kind in sorted(kinds) for each in self.api.read(self._path(*kind))["items"]]
        # In a list, objects do not name their kind.
        objects = [{**each, "apiVersion": api, "kind": kind} for (api, kind), each in found]
        return {Key.of(each): each for each in objects}

    def _path(self, api: str, kind: str) -> str:
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        if (api, kind) not in self._plurals:
            for resource in self.api.read(root)["resources"]:
                if "/" not in resource["name"]:
                    self._plurals[api, resource["kind"]] = resource["name"]
        return f"{root}/{self._plurals[api, kind]}"


def statuses(scenarios: Sequence[Scenario], live: Mapping[Key, Manifest]) -> list[Status]:
    """Compare every scenario with the cluster."""
    same = {
        scenario.name: {Key.of(each) for each in scenario.manifests if contains(live.get(Key.of(each)), each)}
        for scenario in scenarios
    }
    complete = {each.name for each in scenarios if each.manifests and len(same[each.name]) == len(each.manifests)}
    return [_status(scenario, live, same, complete) for scenario in scenarios]


def _status(
    scenario: Scenario, live: Mapping[Key, Manifest], same: Mapping[str, set[Key]], complete: set[str]
) -> Status:
    own = same[scenario.name]
    shared = sorted(other for other in complete - {scenario.name} if own & same[other])
    # Objects that another scenario has applied do not make this one applied in part.
    rest = own.difference(*(same[other] for other in shared))
    if not scenario.manifests:
        state = State.NOTHING
    elif scenario.name in complete:
        state = State.APPLIED
    else:
        state = State.PARTLY if rest else State.NOT_APPLIED
    objects = [
        ObjectStatus(key.kind, key.namespace, key.name, "same" if key in own else _difference(key, live))
        for key in map(Key.of, scenario.manifests)
    ]
    return Status(scenario.name, scenario.effect, state, objects, shared)


def _difference(key: Key, live: Mapping[Key, Manifest]) -> str:
    return "different" if key in live else "missing"


def contains(live: object, expected: object) -> bool:
    """Return whether a live value has everything that is expected.

    The API server adds fields, but no items to lists, and it may leave out what is empty.
    """
    if live is None:
        return not expected
    if isinstance(expected, Mapping):
        return isinstance(live, Mapping) and all(contains(live.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        return (
            isinstance(live, list)
            and len(live) == len(expected)
            and all(contains(*pair) for pair in zip(live, expected, strict=True))
        )
    return live == expected


def _fingerprint() -> list[tuple[str, int]]:
    """Return a value that changes with every file that a scenario may use."""
    folders: list[Path] = [FOLDER, REPOSITORY / "mesh/kubernetes"]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return sorted((str(file), file.stat().st_mtime_ns) for file in files)
