"""The topology shows what goes on in the mesh: compared with calls, policies and Pods."""

import json
import re
from collections import defaultdict

import grpc.aio
import pytest
from playwright.async_api import Locator, Page, expect

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from tests.mesh.calls import method, outcome_of, status_of
from tests.mesh.harness import Manifest, Mesh, dial
from tests.mesh.web.visitor import PHONE, Visit
from tests.support.clock import eventually
from tools.console import Console

CALLS = 7
WINDOW_MS = 90_000
"""Until a figure of an earlier test has left the window of a minute."""
BAD, OPEN, CLOSED = (re.compile(rf"\b{name}\b") for name in ("bad", "open", "closed"))
PRINCIPAL = re.compile(r"cluster\.local/ns/[\w-]+/sa/([\w-]+)")
QUOTE = "/shop.shipping.v1.ShippingService/QuoteShipping"
FAULT: Manifest = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "catalog-traffic", "namespace": "shop"},
    "spec": {
        "http": [
            {
                "match": [{"headers": {"x-fault": {"exact": "topology"}}}],
                "fault": {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}},
                "route": [{"destination": {"host": "catalog.shop.svc.cluster.local", "port": {"number": 50051}}}],
            }
        ]
    },
}


def edge(page: Page, name: str) -> Locator:
    """Return an edge of the picture."""
    return page.locator(f'a[data-edge="{name}"]')


def details(page: Page) -> Locator:
    """Return the panel with the details."""
    return page.get_by_role("complementary", name="Details")


async def now(page: Page) -> int:
    """Return the time in seconds since 1970, as the browser has it."""
    seconds: int = await page.evaluate("Math.floor(Date.now() / 1000)")
    return seconds


async def test_calls_show_on_their_edge_by_method_and_status(mesh: Mesh, desk: Visit) -> None:
    async with dial(mesh.gateway) as channel:
        stub = inventory_pb2_grpc.InventoryServiceStub(channel)
        for _ in range(CALLS):
            missing = stub.GetStock(inventory_pb2.GetStockRequest(name="stocks/none-of-these"))
            assert await status_of(missing) is grpc.StatusCode.NOT_FOUND
    page = (await desk("/?edge=shop-gateway~inventory", size=PHONE)).page
    one = details(page).get_by_role("listitem").filter(has_text="GetStock")
    await expect(one.get_by_text(f"NOT_FOUND {CALLS}", exact=True)).to_be_visible(timeout=WINDOW_MS)
    # A missing stock is no fault of the service.
    await expect(page.locator('tr[data-row="shop-gateway~inventory"]')).to_contain_text("0 %")


@pytest.mark.prove
async def test_a_fault_turns_its_edge_red_also_later(mesh: Mesh, desk: Visit) -> None:
    page = (await desk("/?edge=shop-gateway~catalog")).page
    await expect(edge(page, "shop-gateway~catalog")).not_to_have_class(BAD, timeout=WINDOW_MS)
    before = await now(page)
    async with mesh.applied(FAULT), dial(mesh.gateway) as channel:
        await expect(details(page).get_by_text("Injected fault: abort 100 % with gRPC status 14").first).to_be_visible()
        stub, marked = catalog_pb2_grpc.CatalogServiceStub(channel), grpc.aio.Metadata(("x-fault", "topology"))
        # Three failed calls would fire an alert, which outlasts this test.
        for _ in range(2):
            read = stub.GetProduct(catalog_pb2.GetProductRequest(name="products/p-0001"), metadata=marked)
            assert await outcome_of(read) == "UNAVAILABLE fault filter abort"
        await expect(edge(page, "shop-gateway~catalog")).to_have_class(BAD)
        await expect(details(page).get_by_text("UNAVAILABLE 2", exact=True)).to_be_visible()
        await expect(details(page).get_by_text("a fault aborted it")).to_be_visible()
        during = await now(page)
    await expect(details(page).get_by_text("Injected fault")).to_have_count(0)
    await expect(edge(page, "orders~payments")).not_to_have_class(BAD)

    await page.goto(f"{page.url}&at={during}")
    await expect(edge(page, "shop-gateway~catalog")).to_have_class(BAD)
    await expect(details(page).get_by_text("UNAVAILABLE 2", exact=True)).to_be_visible()
    await expect(page.locator(".topology-picture .lock")).to_have_count(0)
    await page.goto(page.url.replace(f"at={during}", f"at={before}"))
    await expect(page.get_by_text("This is ")).to_be_visible()
    await expect(edge(page, "shop-gateway~catalog")).not_to_have_class(BAD)
    await page.get_by_role("button", name="Back to now").click()
    await expect(page.locator(".topology-picture .lock").first).to_be_visible()
    assert "at=" not in page.url


@pytest.mark.prove
async def test_a_connection_without_tls_has_an_open_lock(mesh: Mesh, desk: Visit) -> None:
    page = (await desk("/")).page
    lock, other = (page.locator(f'[data-label="shop-gateway~{name}"] .lock') for name in ("shipping", "catalog"))
    words = ("patch", "destinationrule", "-n", "shop", "shipping", "--type", "merge", "-p")
    await expect(lock).to_have_class(CLOSED)
    async with dial(mesh.gateway) as channel:
        quote = method(channel, QUOTE)
        assert await status_of(quote(b"")) is grpc.StatusCode.INVALID_ARGUMENT
        try:
            await mesh.kubectl(*words, json.dumps({"spec": {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}}))
            await expect(lock).to_have_class(OPEN)
            await expect(other).to_have_class(CLOSED)
            # The sidecar of shipping accepts mutual TLS alone, so the lock is right.
            assert await status_of(quote(b"")) is grpc.StatusCode.UNAVAILABLE
        finally:
            await mesh.kubectl(*words, json.dumps({"spec": {"trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}}))
        await expect(lock).to_have_class(CLOSED)
        async for attempt in eventually():
            with attempt:
                assert await status_of(quote(b"")) is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_edges_are_those_that_the_policies_allow(mesh: Mesh, console: Console, desk: Visit) -> None:
    allowed: dict[str, set[str]] = defaultdict(set)
    for policy in json.loads(await mesh.kubectl("get", "authorizationpolicies", "-n", "shop", "-o", "json"))["items"]:
        service = policy["spec"].get("selector", {}).get("matchLabels", {}).get("app", "")
        for rule in policy["spec"].get("rules", []):
            paths = {path for each in rule.get("to", []) for path in each["operation"].get("paths", [])}
            for source in (each["source"] for each in rule.get("from", [])):
                for account in PRINCIPAL.findall(" ".join(source.get("principals", []))):
                    allowed[f"{account}~{service}"] |= {path for path in paths if path.startswith("/shop.")}
    page = (await desk("/")).page
    headers = {"authorization": f"Bearer {console.token}"}
    edges = (await (await page.request.get(f"{console.origin}/api/topology", headers=headers)).json())["edges"]
    shown = {each["id"]: {f"/{name}" for name in each["names"]} for each in edges if each["kind"] == "calls"}
    assert shown == {name: paths for name, paths in allowed.items() if paths}
    rows = page.locator("tr[data-row]")
    await expect(rows.filter(has_text="payments → ")).to_have_count(0)
    assert set(shown) <= set(await rows.evaluate_all("rows => rows.map((row) => row.dataset.row)"))


async def test_the_keyboard_opens_details_and_a_reload_keeps_them(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk("/", scheme="dark")
    page = visitor.page
    await edge(page, "orders~payments").press("Enter")
    await expect(details(page).get_by_role("link", name="CapturePayment", exact=True)).to_be_visible()
    await page.reload()
    await expect(details(page).get_by_text("timeout 3s, up to 3 attempts").first).to_be_visible()
    await expect(details(page).get_by_text("256 calls in flight").first).to_be_visible()
    assert await visitor.violations() == []
    await page.keyboard.press("Escape")
    await expect(details(page)).to_have_count(0)
    await page.go_back()
    await expect(details(page)).to_be_visible()

    await page.locator('a[data-node="orders"]').press("Enter")
    pods = [pod["metadata"]["name"] for pod in await mesh.pods("orders")]
    await expect(details(page).locator(".topology-pods b")).to_have_text(pods)
    assert await visitor.violations() == []
