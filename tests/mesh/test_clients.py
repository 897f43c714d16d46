"""The clients of other languages are built from a clone, and call the gateway."""

import json
import shutil
from pathlib import Path

import pytest

from tests.mesh.harness import Mesh
from tests.support.checkout import ROOT
from tests.support.documents import copy_checkout, run_document

READMES = ["clients/typescript/README.md", "clients/python/README.md"]
SLOW_READMES = ["clients/go/README.md"]
"""What takes minutes if the packages were never compiled before."""
CATALOG, IDENTITY = "shop.catalog.v1.CatalogService", "shop.identity.v1.IdentityService"
INVENTORY, ORDERS_V1, ORDERS_V2, SHIPPING = (
    f"shop.{name}Service"
    for name in ("inventory.v1.Inventory", "orders.v1.Orders", "orders.v2.Orders", "shipping.v1.Shipping")
)
PRODUCT = "products/p-0031"
INVALID = {
    "empty": (ORDERS_V2, "PlaceOrder", {}),
    "nested": (ORDERS_V2, "PlaceOrder", {"items": [{"product": PRODUCT, "quantity": 1}, {"product": "tea"}]}),
    "twice": (ORDERS_V2, "PlaceOrder", {"items": [{"product": PRODUCT, "quantity": 1}] * 2, "pickup": {}}),
    "too many": (ORDERS_V2, "PlaceOrder", {"items": [{"product": PRODUCT, "quantity": 1}] * 51}),
    "address": (ORDERS_V1, "PlaceOrder", {"request_id": "1", "shipping_address": {"region_code": "Germany"}}),
    "a stream": (ORDERS_V2, "WatchOrder", {"name": "orders"}),
    "page": (CATALOG, "ListProducts", {"page_size": -1, "category": "x" * 51}),
    "name": (CATALOG, "GetProduct", {"name": "products/P"}),
    "e-mail": (IDENTITY, "CreateUser", {"request_id": "a b", "user": {"email": "ada"}, "password": "short"}),
    "login": (IDENTITY, "IssueToken", {"email": "ada"}),
    "stock": (INVENTORY, "GetStock", {"name": "stocks/"}),
    "quote": (SHIPPING, "QuoteShipping", {"region_code": "de", "currency_code": "YEN"}),
}
VALID = (CATALOG, "ListProducts", {"page_size": 1})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the checkout, at a path that is difficult for build tools."""
    return copy_checkout(tmp_path / "Prüfung, with spaces")


@pytest.mark.parametrize("name", [*READMES, *(pytest.param(name, marks=pytest.mark.prove) for name in SLOW_READMES)])
async def test_a_client_is_built_and_prints_what_its_readme_shows(name: str, mesh: Mesh, checkout: Path) -> None:
    environment = mesh.environment | {"MESH_INSTANCE": mesh.name}
    await run_document((ROOT / name).read_text(encoding="utf-8"), checkout, environment, {})


async def test_typescript_rejects_the_same_fields_as_the_server(mesh: Mesh, checkout: Path) -> None:
    built = await mesh.run("make", "-C", str(checkout), "client-typescript", within=300)
    assert built.returncode == 0, built.stderr
    script = shutil.copy(ROOT / "tests/mesh/parity.ts", checkout / "clients/typescript/src")
    command = [str(checkout / ".venv/bin/node"), str(script), f"http://{mesh.gateway}", await mesh.token()]
    run = await mesh.run(*command, stdin=json.dumps([*INVALID.values(), VALID]))
    assert run.returncode == 0, run.stderr
    *found, (unsent, accepted) = json.loads(run.stdout)
    for name, (by_client, by_server) in zip(INVALID, found, strict=True):
        assert by_server, name
        # The order of the violations is not part of the contract.
        assert sorted(map(json.dumps, by_client)) == sorted(map(json.dumps, by_server)), name
    # What is valid is sent, to the address that does not exist.
    assert "nowhere.invalid" in unsent[0]["description"]
    assert accepted == []
