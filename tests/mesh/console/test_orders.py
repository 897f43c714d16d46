"""The story of an order in the console is what the operator, the log and the command line have about it."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.mesh.calls import Shop
from tests.mesh.harness import MESH, Mesh
from tests.mesh.web.visitor import PHONE, Visit
from tools.console import Console

CONSUMERS = {"inventory", "notifications", "analytics"}


@pytest.fixture
async def signals(mesh: Mesh) -> None:
    """Wait until the stores of logs and traces run. Spans of an earlier time are lost."""
    await mesh.wait_for_rollout("observability")


async def printed_story(mesh: Mesh, order: str) -> Any:  # noqa: ANN401  # JSON
    """Return what `mesh order --json` prints."""
    run = await mesh.run(MESH, "order", "-i", mesh.name, order, "--json")
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


async def read_complete(page: Page) -> None:
    """Wait until the page has read everything about its order."""
    await expect(page.get_by_text("The story is complete.")).to_be_attached(timeout=60_000)


async def timeline_of(page: Page) -> list[str]:
    """Return the method, event or state of each entry on the page."""
    return await page.locator(".timeline .timeline-title, .timeline .kind-state .badge").all_inner_texts()


@pytest.mark.usefixtures("signals")
async def test_the_story_of_a_confirmed_order_agrees_with_the_command_line(mesh: Mesh, desk: Visit, shop: Shop) -> None:
    order = (await shop.place_order()).name
    visitor = await desk(f"/{order}")
    page = visitor.page
    await read_complete(page)
    story = await printed_story(mesh, order)
    assert await timeline_of(page) == [entry["title"] for entry in story["timeline"]]
    assert {"ReserveStock", "CapturePayment", "OrderConfirmed", "CONFIRMED"} <= set(await timeline_of(page))

    await expect(page.get_by_text("The books balance.")).to_be_visible()
    ledger = await page.locator(".story-records").inner_text()
    for records in story["records"].values():
        for record in records:
            assert record["name"] in ledger
    for event in story["events"]:
        row = page.get_by_role("row").filter(has_text=event["type"])
        await expect(row).to_contain_text(f"{event['topic']}/{event['partition']}, offset {event['offset']}")
        assert set(await row.locator(".badge").all_inner_texts()) == CONSUMERS

    logs = await mesh.run(MESH, "logs", "-i", mesh.name, "--order", order)
    await page.get_by_label("Lines of", exact=True).select_option("payments")
    assert page.url.endswith("?service=payments")
    of_payments = [line for line in logs.stdout.splitlines() if line.split()[1] == "payments"]
    await expect(page.locator(".log-lines tbody tr")).to_have_count(len(of_payments))
    assert await visitor.violations() == []


@pytest.mark.usefixtures("signals")
async def test_a_rejected_order_shows_what_was_refused_and_undone(desk: Visit, shop: Shop) -> None:
    request = shop.order_request()
    request.payment_token = "tok_declined"  # noqa: S105  # not a real card
    order = (await shop.place(request)).name
    visitor = await desk("/orders", PHONE, "dark")
    page = visitor.page
    await page.get_by_role("link", name=order.removeprefix("orders/")).click()
    declined = page.locator(".timeline-entry").filter(has_text="AuthorizePayment")
    await expect(declined).to_contain_text("FAILED_PRECONDITION")
    await expect(page.locator(".kind-undo")).to_contain_text(["ReleaseReservation"])
    await read_complete(page)
    assert (await timeline_of(page)).index("ReleaseReservation") > (await timeline_of(page)).index("AuthorizePayment")
    await expect(page.locator(".story-records")).to_contain_text("RELEASED")
    await expect(page.locator(".story-records")).not_to_contain_text("payments/")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert await visitor.violations() == []


@pytest.mark.usefixtures("signals")
async def test_an_unknown_order_is_named(desk: Visit) -> None:
    visitor = await desk("/orders")
    await expect(visitor.page.get_by_role("columnheader", name="Last change")).to_be_visible()
    assert await visitor.violations() == []
    await visitor.page.get_by_label("Id of an order").fill("orders/no-such-order")
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.get_by_role("heading", name="No such order")).to_be_visible()
    await expect(visitor.page.get_by_text("no-such-order")).to_be_visible()


async def test_without_logs_and_traces_the_books_still_have_the_story(desk: Visit, shop: Shop) -> None:
    problem = {"what": "the store of traces does not respond", "why": "refused", "fix": "`mesh up` starts it"}
    nothing = {"entries": [], "lines": [], "traces": [], "problems": {"logs": problem, "traces": problem}}

    async def fail(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(json={**await response.json(), **nothing})

    visitor = await desk()
    await visitor.page.route("**/observed", fail)
    await visitor.open(f"/{(await shop.place_order()).name}")
    await expect(visitor.page.get_by_role("alert").first).to_contain_text("`mesh up` starts it")
    await expect(visitor.page.locator(".kind-record").filter(has_text="payment CAPTURED")).to_be_visible()


async def test_the_page_of_an_order_in_the_shop_links_to_its_story(
    mesh: Mesh, console: Console, visit: Visit, shop: Shop
) -> None:
    order = (await shop.place_order()).name
    visitor = await visit()
    await visitor.page.context.add_init_script(console.login)
    await visitor.log_in(await mesh.token())
    await visitor.open(f"/{order}")
    link = visitor.page.get_by_role("link", name="Follow this order through the mesh")
    await expect(link).to_have_accessible_description("Opens the console in a new tab; mesh console must run.")
    async with visitor.page.context.expect_page() as opening:
        await link.click()
    story = await opening.value
    await expect(story.get_by_role("heading", name="Order", level=1)).to_be_visible()
    assert story.url == f"{console.origin}/{order}"
    assert await story.evaluate("[document.referrer, window.opener]") == ["", None]


@pytest.mark.prove
@pytest.mark.usefixtures("signals")
async def test_recovery_and_a_service_that_is_down_are_part_of_the_story(mesh: Mesh, desk: Visit, shop: Shop) -> None:
    async with mesh.scaled("deployment/payments", 0):
        order = (await shop.place(shop.order_request())).name
        page = (await desk(f"/{order}")).page
        await expect(page.get_by_text("payments could not be read: UNAVAILABLE")).to_be_visible()
        await expect(page.locator(".timeline-entry").filter(has_text="no healthy Pod (UH)").first).to_be_visible()
    await expect(page.locator(".kind-undo").filter(has_text="VoidPayment")).to_be_visible(timeout=90_000)
    await read_complete(page)
    assert await page.locator(".kind-recovery").count() >= 1
    await expect(page.get_by_text("The books balance.")).to_be_visible()
