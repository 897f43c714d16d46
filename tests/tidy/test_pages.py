"""The pages of the storefront: the gateway lets through what the parts declare, and nothing that an API method uses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.contracts import methods
from tests.tidy.manifests import BASE, WORKLOADS, manifests
from tests.tidy.tree import Tree

FILES = {"/assets/*", "/parts/*"}


def storefront(checkout: Tree, kind: str, namespace: str) -> dict[str, Any]:
    [spec] = [
        manifest["spec"]
        for _, manifest in manifests(checkout, BASE, kind=kind)
        if (manifest["metadata"]["name"], manifest["metadata"]["namespace"]) == ("storefront", namespace)
    ]
    return dict(spec)


def parts(checkout: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (context, manifest) for each part."""
    for file in checkout.under("services", suffix="part.json"):
        yield file.parts[1], json.loads(checkout.text(file))


def prefix(page: str) -> str:
    """Return the path of a policy that a page needs: "/orders/:id" needs "/orders/*"."""
    start, variable, _ = page.partition(":")
    return f"{start}*" if variable else page


@pytest.fixture(scope="module")
def allowed(checkout: Tree) -> set[str]:
    [rule] = storefront(checkout, "AuthorizationPolicy", "shop-ingress")["rules"]
    [operation] = [to["operation"] for to in rule["to"]]
    assert operation["methods"] == ["GET"]
    return set(operation["paths"])


def test_the_gateway_allows_exactly_the_pages_of_the_parts_and_their_files(checkout: Tree, allowed: set[str]) -> None:
    needed = {prefix(page) for _, part in parts(checkout) for page in part["pages"]}
    stars = {page.removesuffix("*") for page in needed if page.endswith("*")}
    covered = {page for page in needed for star in stars if page != f"{star}*" and page.startswith(star)}
    assert allowed == FILES | (needed - covered)


def test_each_page_has_a_route(checkout: Tree, allowed: set[str]) -> None:
    for row in storefront(checkout, "VirtualService", "shop")["http"]:
        assert all(match["method"] == {"exact": "GET"} for match in row["match"])
        uris = [match["uri"] for match in row["match"]]
        assert {uri.get("exact") or f"{uri['prefix']}*" for uri in uris} == allowed


def test_no_page_hides_the_api(allowed: set[str]) -> None:
    for path in methods():
        assert not [page for page in allowed if path == page or path.startswith(page.removesuffix("*").ljust(2, "?"))]


def test_each_part_is_mounted_where_the_storefront_looks_for_it(checkout: Tree) -> None:
    [deployment] = [
        manifest
        for _, manifest in manifests(checkout, WORKLOADS, kind="Deployment")
        if manifest["metadata"]["name"] == "storefront"
    ]
    spec = deployment["spec"]["template"]["spec"]
    images = {volume["name"]: volume["image"]["reference"] for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    names = [context for context, _ in parts(checkout)]
    assert images == {name: f"grpc-mesh/web-{name}:v1" for name in ["shell", *names]}
    assert mounts == {"/srv/web/shell": "shell"} | {f"/srv/web/parts/{name}": name for name in names}
