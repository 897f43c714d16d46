"""The mesh's manifests as rows: what happens to the calls of a path, and who may make them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.tidy.tree import Tree

BASE, CONTRACTS, WORKLOADS = "mesh/istio/base", "mesh/istio/contracts", "mesh/kubernetes/base"
POLICIES = (BASE, CONTRACTS)
GATEWAY = "istio-ingress/public"
NOBODY = "~/*"
"""The egress host of a workload that calls nobody."""
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Route:
    """A row of a VirtualService: what it does with the calls of one path."""

    where: str
    path: str
    """Empty if the row matches something else than an exact path."""
    gateway: bool
    host: str
    """Empty if the row hands the call to another VirtualService."""
    delegate: str
    """The VirtualService that the row hands the call to, if there is one."""
    attempts: int | None
    timeout: str | None


@dataclass(frozen=True)
class Allowance:
    """A row of an AuthorizationPolicy: a caller that may call one path of an app. "*" is anybody, or any path."""

    where: str
    app: str
    caller: str
    path: str


@cache
def parsed(text: str) -> list[Manifest]:
    """Parse a file's manifests; they are read alone."""
    return list(yaml.safe_load_all(text))


def manifests(tree: Tree, *folders: str, kind: str = "") -> Iterator[tuple[str, Manifest]]:
    """Answer (file, manifest) of every one of a kind, or of all kinds but Kustomization."""
    for file in tree.under(*folders, suffix=".yaml"):
        for manifest in parsed(tree.text(file)):
            if manifest["kind"] == kind or (not kind and manifest["kind"] != "Kustomization"):
                yield str(file), manifest


def routes(tree: Tree) -> Iterator[Route]:
    """Answer every row of every VirtualService, path by path."""
    for file, manifest in manifests(tree, *POLICIES, kind="VirtualService"):
        gateway = GATEWAY in manifest["spec"].get("gateways", [])
        for row in manifest["spec"]["http"]:
            # A row without a match takes every path.
            for match in row.get("match") or [{}]:
                yield Route(
                    where=f"{file} row {row['name']}",
                    path=match.get("uri", {}).get("exact", ""),
                    gateway=gateway,
                    host=row["route"][0]["destination"]["host"] if "route" in row else "",
                    delegate=row.get("delegate", {}).get("name", ""),
                    attempts=row.get("retries", {}).get("attempts"),
                    timeout=row.get("timeout"),
                )


def allowances(tree: Tree, **selector: str) -> Iterator[Allowance]:
    """Answer who may call what of the workloads with this label: `app=""` is any service, `istio=""` any gateway."""
    [(label, _)] = selector.items()
    for file, manifest in manifests(tree, *POLICIES, kind="AuthorizationPolicy"):
        app = manifest["spec"].get("selector", {}).get("matchLabels", {}).get(label)
        for rule in manifest["spec"].get("rules", []) if app else []:
            callers = [name for source in rule.get("from", []) for name in source["source"].get("principals", [])]
            paths = [path for to in rule.get("to", []) for path in to["operation"].get("paths", [])]
            for caller in callers or ["*"]:
                yield from (Allowance(file, app, caller, path) for path in paths or ["*"])


def callees(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Answer (file, service, the service that its Sidecar lets it call)."""
    for file, manifest in manifests(tree, *POLICIES, kind="Sidecar"):
        if selector := manifest["spec"].get("workloadSelector"):
            for host in (host for egress in manifest["spec"]["egress"] for host in egress["hosts"]):
                if host != NOBODY:
                    yield file, selector["labels"]["app"], host.removeprefix("./").split(".")[0]
