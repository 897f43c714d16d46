"""The page of the contracts shows every method, and a call that is tried there is a real one."""

import json
from http import HTTPStatus
from typing import Any

from playwright.async_api import expect

from tests.mesh.harness import Mesh
from tests.mesh.matrix import METHODS, SERVICES
from tests.mesh.raw_http import http_request
from tests.mesh.web.visitor import PHONE, Visit
from tests.support.clock import eventually
from tools.console import Console

GET_PRODUCT = "shop.catalog.v1.CatalogService/GetProduct"
GET_PAYMENT = "shop.payments.v1.PaymentsService/GetPayment"


async def read(console: Console, path: str) -> Any:  # noqa: ANN401  # JSON
    headers = {"host": console.host, "authorization": f"Bearer {console.token}"}
    response = await http_request(console.host, path, headers)
    assert response.status == HTTPStatus.OK, response.body
    return json.loads(response.body)


async def test_every_method_has_a_page(console: Console) -> None:
    shown = await read(console, "/api/contracts")
    assert {each["name"] for each in shown} == {service.name for service in SERVICES}
    names = [method["name"] for service in shown for method in service["methods"]]
    assert sorted(names) == sorted(method.name for method in METHODS)
    for method in METHODS:
        details = await read(console, f"/api/contracts/{method.name}")
        assert details["service"] == method.service
        assert set(details["summary"]["roles"]) == method.roles
        assert details["example"] or not details["request_fields"]


async def test_the_list_leads_to_a_method_and_its_rules(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk("/contracts?q=PlaceOrder", size=PHONE, scheme="dark")
    page = visitor.page
    await expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    await expect(page.get_by_role("region", name="orders", exact=True)).to_contain_text("99.9 % succeed")
    assert await visitor.violations() == []
    await page.get_by_role("link", name="PlaceOrder").first.click()
    await expect(page.get_by_role("heading", name="PlaceOrder", exact=True)).to_be_visible()
    await expect(page.get_by_role("row", name="items[].quantity")).to_contain_text("1 to 1000")
    assert await visitor.violations() == []
    # What the proxy of the gateway has is what the contract says, unless an operator changes it.
    policy = json.loads(await mesh.kubectl("get", "virtualservice", "-n", "shop", "orders-public", "-o", "json"))
    path = "/shop.orders.v1.OrdersService/PlaceOrder"
    route = next(each for each in policy["spec"]["http"] if path in str(each["match"]))
    live = page.locator(".card", has=page.get_by_role("heading", name="What the proxies do now"))
    await expect(live).to_contain_text(f"timeout {route['timeout']}")


async def test_calls_are_tried(console: Console, desk: Visit) -> None:
    visitor = await desk(f"/contracts/{GET_PRODUCT}")
    page = visitor.page
    before = await invalid_calls(console)
    call, request = page.get_by_role("button", name="Call", exact=True), page.get_by_label("Request, as JSON")
    status, command = page.locator("[data-status]"), page.locator(".command-text")
    await call.click()
    await expect(status).to_have_text("OK")
    await expect(page.get_by_label("Response", exact=True)).to_contain_text('"displayName"')
    await request.fill('{"name": "x"}')
    await call.click()
    await expect(status).to_have_text("INVALID_ARGUMENT")
    await expect(page.get_by_role("list", name="Invalid fields").get_by_role("listitem")).to_contain_text("name")
    await expect(request).to_have_attribute("aria-invalid", "true")
    assert await visitor.violations() == []
    await request.fill('{"nam": "x"}')
    await call.click()
    await expect(page.get_by_text('no field named "nam"')).to_be_visible()
    # An internal method: the policies decide about each caller.
    await visitor.open(f"/contracts/{GET_PAYMENT}")
    caller = page.get_by_label("Call as")
    await caller.select_option("operator")
    await call.click()
    await expect(status).to_have_text("NOT_FOUND")
    await expect(command).to_contain_text("mesh call")
    await caller.select_option("user")
    await call.click()
    await expect(status).to_have_text("PERMISSION_DENIED")
    await expect(command).to_contain_text("mesh token")
    await caller.select_option("anonymous")
    await call.click()
    await expect(command).not_to_contain_text("mesh token")
    await expect(status).to_have_text("PERMISSION_DENIED")
    await page.get_by_role("link", name="Why?").click()
    await expect(page.get_by_role("heading", name="Denied anonymous may not call")).to_be_visible()
    # By now the invalid call is one of the recent ones.
    # Metrics are scraped every ten seconds, by a process of low priority.
    async for attempt in eventually(60, every=0.5):
        with attempt:
            assert await invalid_calls(console) > before
    await visitor.open(f"/contracts/{GET_PRODUCT}")
    await expect(page.get_by_role("row", name="shop-gateway INVALID_ARGUMENT")).to_be_visible()


async def invalid_calls(console: Console) -> float:
    recent = await read(console, f"/api/contracts/{GET_PRODUCT}/recent")
    return sum(float(each["calls"]) for each in recent["counts"] if each["status"] == "INVALID_ARGUMENT")
