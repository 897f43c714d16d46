"""The Kubernetes manifests of the mesh."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from tests.tidy.tree import Tree

BASE, CONTRACTS, WORKLOADS = "mesh/istio/base", "mesh/istio/contracts", "mesh/kubernetes/base"
Manifest = dict[str, Any]


@cache
def parsed(text: str) -> list[Manifest]:
    """Parse the manifests of a file. Callers must not change them."""
    return list(yaml.safe_load_all(text))


def manifests(tree: Tree, *folders: str, kind: str) -> Iterator[tuple[str, Manifest]]:
    """Yield (file, manifest) for each manifest of a Kubernetes kind."""
    for file in tree.under(*folders, suffix=".yaml"):
        yield from ((str(file), manifest) for manifest in parsed(tree.text(file)) if manifest["kind"] == kind)
