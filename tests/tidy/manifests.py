"""The manifests of the mesh as rows: how calls of a path are routed, and who may make them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.tidy.tree import Tree

BASE, CONTRACTS, WORKLOADS = "mesh/istio/base", "mesh/istio/contracts", "mesh/kubernetes/base"
POLICIES = (BASE, CONTRACTS)
GATEWAY = "istio-ingress/public"
NO_HOST = "~/*"
"""The egress host of a workload that calls no service."""
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Route:
    """A row of a VirtualService for the calls of one path."""

    name: str
    path: str
    """Empty if the row matches anything but an exact path."""
    gateway: bool
    host: str
    """Empty if the row delegates to another VirtualService."""
    delegate: str
    attempts: int | None
    timeout: str | None


@dataclass(frozen=True)
class Permission:
    """A row of an AuthorizationPolicy: a caller that may call a path of an app. "*" stands for all callers or paths."""

    file: str
    app: str
    caller: str
    path: str


@cache
def parsed(text: str) -> list[Manifest]:
    """Parse the manifests of a file. Callers must not change them."""
    return list(yaml.safe_load_all(text))


def manifests(tree: Tree, *folders: str, kind: str) -> Iterator[tuple[str, Manifest]]:
    """Yield (file, manifest) for each manifest of a Kubernetes kind."""
    for file in tree.under(*folders, suffix=".yaml"):
        yield from ((str(file), manifest) for manifest in parsed(tree.text(file)) if manifest["kind"] == kind)


def routes(tree: Tree) -> Iterator[Route]:
    """Yield the rows of all VirtualServices, path by path."""
    for file, manifest in manifests(tree, *POLICIES, kind="VirtualService"):
        for row in manifest["spec"]["http"]:
            # A row without a match takes every path.
            for match in row.get("match") or [{}]:
                yield Route(
                    name=f"{file} row {row['name']}",
                    path=match.get("uri", {}).get("exact", ""),
                    gateway=GATEWAY in manifest["spec"].get("gateways", []),
                    host=row["route"][0]["destination"]["host"] if "route" in row else "",
                    delegate=row.get("delegate", {}).get("name", ""),
                    attempts=row.get("retries", {}).get("attempts"),
                    timeout=row.get("timeout"),
                )


def permissions(tree: Tree, label: str) -> Iterator[Permission]:
    """Yield who may call what: with the label `app` of the services, with `istio` of the gateway."""
    for file, manifest in manifests(tree, *POLICIES, kind="AuthorizationPolicy"):
        app = manifest["spec"].get("selector", {}).get("matchLabels", {}).get(label)
        for rule in manifest["spec"].get("rules", []) if app else []:
            callers = [name for source in rule.get("from", []) for name in source["source"].get("principals", [])]
            paths = [path for to in rule.get("to", []) for path in to["operation"].get("paths", [])]
            yield from (Permission(file, app, caller, path) for caller in callers or ["*"] for path in paths or ["*"])


def callees(tree: Tree) -> set[tuple[str, str]]:
    """Return (service, callee) for each service that a Sidecar allows another to call."""
    return {
        (selector["labels"]["app"], host.removeprefix("./").split(".")[0])
        for _, manifest in manifests(tree, *POLICIES, kind="Sidecar")
        if (selector := manifest["spec"].get("workloadSelector"))
        for egress in manifest["spec"]["egress"]
        for host in egress["hosts"]
        if host != NO_HOST
    }
