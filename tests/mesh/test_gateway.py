"""From outside: the public methods work through the gateway, and all others are denied."""

import json
import uuid

import grpc
import pytest

from tests.mesh.calls import Shop, method, status_of
from tests.mesh.harness import Mesh, dial

PUBLIC = {
    "shop.catalog.v1.CatalogService",
    "shop.identity.v1.IdentityService",
    "shop.inventory.v1.InventoryService",
    "shop.orders.v1.OrdersService",
    "shop.orders.v2.OrdersService",
    "shop.shipping.v1.ShippingService",
}
NOT_PUBLIC = [
    "/shop.inventory.v1.InventoryService/ReserveStock",
    "/shop.inventory.v1.InventoryService/GetReservation",
    "/shop.identity.v1.IdentityService/GetUser",
    "/shop.identity.v1.IdentityService/UpdateUser",
    "/shop.identity.v1.IdentityService/RotateKeys",
    "/shop.orders.v1.OrdersService/ResumeOrder",
    "/shop.payments.v1.PaymentsService/AuthorizePayment",
    "/shop.payments.v1.PaymentsService/GetPayment",
    "/shop.shipping.v1.ShippingService/BookShipment",
    "/grpc.health.v1.Health/Check",
    "/shop.catalog.v1.CatalogService/NoSuchMethod",
]


async def grpcurl(mesh: Mesh, *words: str) -> str:
    run = await mesh.run("grpcurl", "-plaintext", "-max-time", "30", *words)
    assert run.returncode == 0, run.stdout
    return run.stdout


async def test_grpcurl_lists_the_public_services(mesh: Mesh) -> None:
    listed = set((await grpcurl(mesh, mesh.gateway, "list")).split())
    assert {name for name in listed if name.startswith("shop.")} == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
async def test_grpcurl_describes_a_service_without_its_proto_file(mesh: Mesh, name: str) -> None:
    assert f"{name} is a service" in await grpcurl(mesh, mesh.gateway, "describe", name)


async def test_grpcurl_places_an_order_and_reads_it(mesh: Mesh) -> None:
    request = {
        "request_id": str(uuid.uuid4()),
        "customer": "customers/me",
        "items": [{"product": "products/p-0001", "quantity": 1}],
        "payment_token": "tok_visa",
    }
    with_token = ["-H", f"authorization: Bearer {await mesh.token()}", "-d"]
    place = "shop.orders.v1.OrdersService/PlaceOrder"
    placed = await grpcurl(mesh, *with_token, json.dumps(request), mesh.gateway, place)
    order = json.loads(placed)["order"]
    assert order["state"] == "STATE_CONFIRMED"
    name = json.dumps({"name": order["name"]})
    read = await grpcurl(mesh, *with_token, name, mesh.gateway, "shop.orders.v1.OrdersService/GetOrder")
    assert json.loads(read)["order"] == order


@pytest.mark.parametrize(
    ("call", "fields", "detail"),
    [
        ("catalog.v1.CatalogService/GetProduct", {"name": "kettle"}, '"field": "name"'),
        ("catalog.v1.CatalogService/GetProduct", {"name": "products/no-such"}, '"products": "products/no-such"'),
        ("catalog.v1.CatalogService/ListProducts", {"page_size": -1}, '"field": "page_size"'),
        ("shipping.v1.ShippingService/QuoteShipping", {"region_code": "DE", "pieces": 1}, '"field": "currency_code"'),
    ],
)
async def test_grpcurl_names_what_is_wrong(mesh: Mesh, call: str, fields: dict[str, object], detail: str) -> None:
    words = ("-plaintext", "-max-time", "30", "-d", json.dumps(fields), mesh.gateway, f"shop.{call}")
    refused = await mesh.run("grpcurl", *words)
    assert refused.returncode
    assert detail in refused.stderr
    # What grpcurl cannot decode, it prints as base64, as the member "@value".
    assert "@value" not in refused.stderr


async def test_public_methods_work(shop: Shop) -> None:
    assert (await shop.get_product()).product.name == "products/p-0001"
    assert (await shop.get_stock()).stock.name == "stocks/p-0001"
    await shop.list_orders()


@pytest.mark.parametrize("path", NOT_PUBLIC)
async def test_a_method_that_is_not_public_is_denied(mesh: Mesh, path: str) -> None:
    for token in ("", await mesh.token(), await mesh.token("merchandiser")):
        async with dial(mesh.gateway, token=token) as channel:
            assert await status_of(method(channel, path)(b"", timeout=10)) == grpc.StatusCode.PERMISSION_DENIED
