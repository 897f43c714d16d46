"""The page of `mesh why` explains a call as the command does, and its grid has the decision about every call."""

import json
import re

from playwright.async_api import expect

from tests.mesh.harness import MESH, Mesh
from tests.mesh.matrix import CALLERS, METHODS, Explained
from tests.mesh.web.visitor import PHONE, Visit
from tests.support.clock import eventually

CAPTURE = "shop.payments.v1.PaymentsService/CapturePayment"
QUESTION = f"/why?caller=orders&method={CAPTURE}"
POLICY = "freeze-by-hand"
FREEZE = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": POLICY, "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "payments"}},
        "action": "DENY",
        "rules": [{"to": [{"operation": {"paths": ["*/CapturePayment"]}}]}],
    },
}


async def test_a_refusal_is_explained_as_by_the_command(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk("/why", size=PHONE, scheme="dark")
    page = visitor.page
    await page.get_by_label("Caller", exact=True).fill("notifications")
    await page.get_by_label("Method", exact=True).fill("CapturePayment")
    await page.get_by_role("button", name="Why?").click()
    await expect(page.get_by_role("heading", name="Denied notifications may not call")).to_be_visible()
    assert await visitor.violations() == []
    command = await page.locator(".command-text").last.inner_text()
    # With a kubeconfig, the command reads the proxies with kubectl instead of their admin ports.
    run = await mesh.run(MESH, *command.split()[1:], "--json", "--kubeconfig", mesh.environment["KUBECONFIG"])
    assert run.returncode == 1, run.stderr
    decision = json.loads(run.stdout)
    text = await page.get_by_label("Decision").inner_text()
    for part in (decision["method"], decision["decided_by"]["line"], *decision["to_allow"][0].splitlines()):
        assert part.strip() in text
    chain = page.get_by_role("list", name="The way of the call").get_by_role("listitem")
    shown = [(await each.inner_text()).partition("\n")[0] for each in await chain.all()]
    assert shown == [
        "notifications",
        *dict.fromkeys(each["proxy"] for each in decision["proxies"]),
        "CapturePayment",
    ]
    # A caller that does not exist: the suggestion is a link to the question that was meant.
    await visitor.open("/why?caller=ordes&method=CapturePayment")
    await page.get_by_role("link", name="orders", exact=True).click()
    await expect(page.get_by_role("heading", name="Allowed orders may call")).to_be_visible()


async def test_a_policy_by_hand_changes_the_decision_and_the_grid(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk(QUESTION)
    page = visitor.page
    await expect(page.get_by_role("heading", name="Allowed orders may call")).to_be_visible()
    async with mesh.applied(FREEZE):
        async for attempt in eventually():
            with attempt:
                await page.reload()
                await expect(page.get_by_role("heading", name="Denied orders may not call")).to_be_visible(timeout=3000)
        await expect(page.get_by_text(f"shop/{POLICY}").first).to_be_visible()
        await expect(page.get_by_text("applied by hand", exact=True)).to_be_visible()
        delete = f"kubectl delete authorizationpolicy -n shop {POLICY}"
        await expect(page.locator(".command-text", has_text=delete)).to_be_visible()
        await visitor.open("/why/matrix?service=payments&differs=1")
        cell = page.get_by_role("link", name="orders, CapturePayment: denied")
        await expect(page.get_by_text("1 decision differs")).to_be_visible()
        await cell.click()
        await expect(page.get_by_role("heading", name="Denied orders may not call")).to_be_visible()


async def test_the_grid_agrees_with_the_calls_of_the_matrix(matrix: list[Explained], desk: Visit) -> None:
    visitor = await desk("/why/matrix")
    page = visitor.page
    allowed = {(each.cell.caller.name, each.cell.method.name) for each in matrix if each.cell.allowed}
    await expect(page.get_by_role("status").first).to_contain_text(
        f"{len(allowed)} of {len(METHODS) * len(CALLERS)} calls are allowed"
    )
    hrefs = await page.locator(".grid-mark.good").evaluate_all("links => links.map((link) => link.href)")
    links = [re.search(r"caller=(.+)&method=(.+)", href) for href in hrefs]
    shown = {(match[1], match[2].replace("%2F", "/")) for match in links if match}
    assert shown == allowed
    assert await visitor.violations() == []
