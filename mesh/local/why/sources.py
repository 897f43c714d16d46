"""Finds the line behind a rule: in a contract, in a service.yaml, or in a manifest of the checkout."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from mesh.local.matrix.declared import Method
from mesh.local.why.matchers import Json

GENERATED = "mesh/istio/contracts/"
POLICY = "AuthorizationPolicy"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast


@dataclass(frozen=True)
class Line:
    """A line of a file of the checkout."""

    file: str
    number: int

    def __str__(self) -> str:
        """Format it as "<file>:<number>"."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Manifest:
    """A policy in a file of the checkout."""

    spec: Json
    rules: tuple[Line, ...]
    """The line of each rule."""
    start: Line

    def line(self, index: int) -> Line:
        """Return the line of a rule; of a policy without rules, its first line."""
        return self.rules[index] if index < len(self.rules) else self.start

    @property
    def is_generated(self) -> bool:
        """Whether the contracts and declarations define it."""
        return self.start.file.startswith(GENERATED)


@dataclass(frozen=True)
class Sources:
    """The files of a checkout."""

    root: Path

    @cached_property
    def _manifests(self) -> dict[str, list[Manifest]]:
        """The policies in the checkout, by "<namespace>/<name>"."""
        found: dict[str, list[Manifest]] = {}
        for path in sorted((self.root / "mesh" / "istio").rglob("*.yaml")):
            if POLICY in (text := path.read_text(encoding="utf-8")):
                for name, manifest in _policies(text, path.relative_to(self.root).as_posix()):
                    found.setdefault(name, []).append(manifest)
        return found

    def manifest(self, policy: Json) -> Manifest | None:
        """Return the manifest of a policy of the cluster: the one with the same specification, or None."""
        return next((each for each in self.namesakes(policy) if each.spec == policy.get("spec", {})), None)

    def namesakes(self, policy: Json) -> list[Manifest]:
        """Return the manifests of the same name, also those with another specification."""
        metadata = policy["metadata"]
        return self._manifests.get(f"{metadata['namespace']}/{metadata['name']}", [])

    def contract(self, method: Method) -> Line:
        """Return the line of a method in its contract. Raises LookupError."""
        contract, _, name = method.name.partition("/")
        package, _, service = contract.rpartition(".")
        for path in sorted((self.root / "proto" / package.replace(".", "/")).glob("*.proto")):
            inside = False
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if match := re.match(r"service (\w+)", line):
                    inside = match[1] == service
                if inside and re.match(rf"\s+rpc {name}\b", line):
                    return Line(path.relative_to(self.root).as_posix(), number)
        raise LookupError(method.name)

    def declared_call(self, service: str, method: Method) -> Line | None:
        """Return the line of a method among the calls of a service; None if the service does not call it."""
        contract, _, name = method.name.partition("/")
        for methods in self._methods(service, contract):
            for node in methods.value:
                if node.value == name:
                    return Line(self.file(service), node.start_mark.line + 1)
        return None

    def other_calls(self, service: str, method: Method) -> Line | None:
        """Return the line of the list of methods that a service calls in the same contract; None without one."""
        for methods in self._methods(service, method.name.partition("/")[0]):
            return Line(self.file(service), methods.start_mark.line + 1)
        return None

    def file(self, service: str) -> str:
        """Return the path of a service.yaml."""
        return f"services/{service}/service.yaml"

    def calls(self, service: str) -> Line | None:
        """Return the line of the list of all calls of a service; None if it makes none."""
        calls = _child(self._root(service), "calls")
        return Line(self.file(service), calls.start_mark.line + 1) if calls else None

    def declaration(self, service: str) -> Line | None:
        """Return the line of `service:` in a service.yaml; None if there is no such file."""
        path = self.root / self.file(service)
        if not path.is_file():
            return None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.startswith("service:"):
                return Line(self.file(service), number)
        return Line(self.file(service), 1)

    def _root(self, service: str) -> yaml.Node | None:
        path = self.root / self.file(service)
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER) if path.is_file() else None

    def _methods(self, service: str, contract: str) -> Iterator[yaml.SequenceNode]:
        calls = _child(self._root(service), "calls")
        for call in calls.value if calls else []:
            to, methods = _child(call, "to"), _child(call, "methods")
            if to and isinstance(methods, yaml.SequenceNode) and to.value == contract:
                yield methods


def _policies(text: str, file: str) -> Iterator[tuple[str, Manifest]]:
    nodes = yaml.compose_all(text, Loader=LOADER)
    for node, value in zip(nodes, yaml.load_all(text, Loader=LOADER), strict=True):
        if not isinstance(value, dict) or value.get("kind") != POLICY:
            continue
        rules = _child(_child(node, "spec"), "rules")
        lines = tuple(Line(file, each.start_mark.line + 1) for each in (rules.value if rules else []))
        metadata = value["metadata"]
        name = f"{metadata.get('namespace', '')}/{metadata['name']}"
        yield name, Manifest(value.get("spec") or {}, lines, Line(file, node.start_mark.line + 1))


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return value  # type: ignore[no-any-return]  # PyYAML's stubs do not know the values of nodes
    return None
