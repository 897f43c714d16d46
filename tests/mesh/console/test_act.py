"""What the console's pages do to the mesh, as kubectl sees it."""

import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.mesh.harness import Mesh
from tests.mesh.raw_http import http_request
from tests.mesh.web.visitor import PHONE, Visit
from tests.support.checkout import ROOT
from tools.console import Console

CANARY = "/act/scenarios/canary-by-weight"
WORKLOAD = "reflection"
FAULT = "virtualservice/reflection-traffic"


async def confirm(page: Page, button: str | re.Pattern[str], expected: str) -> None:
    """Open the dialog of an act, compare its command, and run it. Wait until it has ended well."""
    await start(page, button, expected)
    ran = page.get_by_role("region", name="The command")
    await expect(ran.get_by_text("exit code 0")).to_be_visible()


async def start(page: Page, button: str | re.Pattern[str], expected: str) -> None:
    """Open the dialog of an act, compare its command, and run it."""
    await page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("pre").first).to_have_text(expected)
    await dialog.get_by_role("button", name="Run").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("region", name="The command").locator("pre").first).to_have_text(expected)


async def exists(mesh: Mesh, target: str) -> bool:
    """Return whether kubectl finds an object in the namespace of the shop."""
    return bool(await mesh.kubectl("get", "-n", "shop", "--ignore-not-found", "-o", "name", target))


async def weights(mesh: Mesh) -> list[int]:
    """Return the weights of the versions of catalog."""
    routes = (await mesh.get("virtualservices", "-n", "shop", "catalog-traffic"))["spec"]["http"]
    return [each["weight"] for each in routes[0]["route"]]


def mesh_command(mesh: Mesh, words: str) -> re.Pattern[str]:
    """Return the text of a `mesh` command, with any path of the program."""
    command, _, rest = words.partition(" ")
    return re.compile(rf"^\S*mesh {command} -i {mesh.name} {re.escape(rest)}$")


@pytest.fixture
async def restored(mesh: Mesh) -> AsyncIterator[None]:
    """Undo everything at the end, also if the test fails."""
    yield
    await mesh.kubectl("scale", "-n", "shop", f"deployment/{WORKLOAD}", "--replicas=1")
    await mesh.kubectl("delete", "--ignore-not-found", "-k", str(ROOT / "mesh/istio/scenarios/canary-by-weight"))


@pytest.mark.usefixtures("restored")
async def test_a_scenario_is_applied_changed_and_removed(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk(CANARY)
    page = visitor.page
    state = page.locator("main .act-status").first
    await expect(state).to_contain_text("not applied")
    await confirm(page, "Apply", "kubectl apply -k mesh/istio/scenarios/canary-by-weight")
    await expect(state.get_by_text("applied", exact=True)).to_be_visible()
    assert await weights(mesh) == [90, 10]
    assert await visitor.violations() == []

    await visitor.open("/act?show=canaries")
    await page.get_by_label("v2 gets 10 %").fill("35")
    patch = [{"op": "replace", "path": f"/spec/http/0/route/{n}/weight", "value": w} for n, w in ((0, 65), (1, 35))]
    words = f"kubectl patch virtualservice catalog-traffic -n shop --type=json -p '{json.dumps(patch)}'"
    await confirm(page, "Change the shares", words)
    await expect(page.get_by_role("img", name="Now: 65 % v1, 35 % v2")).to_be_visible()
    assert await weights(mesh) == [65, 35]

    await visitor.open(CANARY)
    await expect(state).to_contain_text("partly applied")
    await confirm(page, "Remove", "kubectl delete --ignore-not-found -k mesh/istio/scenarios/canary-by-weight")
    await expect(state).to_contain_text("not applied")
    assert not await exists(mesh, "virtualservice/catalog-traffic")
    assert not await exists(mesh, "deployment/catalog-v2")


@pytest.mark.usefixtures("restored")
async def test_a_workload_is_scaled_and_a_container_killed(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk(f"/act/workloads/{WORKLOAD}", PHONE, "dark")
    page = visitor.page
    pods = page.locator(".act-pod")
    await expect(pods).to_have_count(1)
    first = (await mesh.pod(WORKLOAD))["metadata"]["name"]
    restarts = await container_restarts(mesh, first)
    words = f"kubectl exec -n shop {first} -c app -- kill -KILL 1"
    await start(page, f"Kill app in {first}", words)
    row = pods.get_by_role("row").filter(has=page.get_by_role("rowheader", name="app"))
    await expect(row.get_by_role("cell", name=str(restarts + 1), exact=True)).to_be_visible()
    assert await container_restarts(mesh, first) == restarts + 1

    await page.get_by_label("Pods").fill("2")
    await confirm(page, "Scale", f"kubectl scale -n shop deployment/{WORKLOAD} --replicas=2")
    await expect(pods).to_have_count(2)
    names = {each["metadata"]["name"] for each in await mesh.pods(WORKLOAD)}
    assert set(await pods.get_by_role("heading").all_inner_texts()) == names
    assert await visitor.violations() == []
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def container_restarts(mesh: Mesh, pod: str) -> int:
    """Return how often the app of a Pod was restarted."""
    statuses = (await mesh.get("pods", "-n", "shop", pod))["status"]["containerStatuses"]
    return sum(each["restartCount"] for each in statuses if each["name"] == "app")


@pytest.mark.prove
async def test_a_chaos_run_survives_a_reload_and_stops_with_its_fault_undone(mesh: Mesh, desk: Visit) -> None:
    visitor = await desk(f"/act/chaos/abort?service={WORKLOAD}&seconds=200&alerts=no")
    page = visitor.page
    words = f"chaos abort --service {WORKLOAD} --seconds 200 --no-alerts --json"
    await page.get_by_role("button", name="Run the experiment").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("pre").first).to_have_text(mesh_command(mesh, words))
    await dialog.get_by_role("button", name="Run").click()
    output = page.get_by_role("log")
    await expect(output).to_contain_text("the fault is in place for 200 s")
    assert await exists(mesh, FAULT)
    await page.reload()
    await expect(output).to_contain_text("before the fault: ")
    await page.get_by_role("link", name="Open this command").click()
    await expect(output).to_contain_text("the fault is in place for 200 s")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("stopped, exit code 130")).to_be_visible()
    assert not await exists(mesh, FAULT)
    assert await visitor.violations() == []
    await visitor.open("/commands")
    newest = page.get_by_role("listitem").first
    await expect(newest).to_contain_text("stopped, exit code 130")
    assert await visitor.violations() == []


@pytest.mark.prove
async def test_axe_finds_nothing_on_the_lists_and_in_the_dialog(desk: Visit) -> None:
    visitor = await desk("/act?show=chaos", PHONE)
    page, found = visitor.page, list[str]()
    for tab, content in (
        ("Chaos", "no call needs istiod"),
        ("Scenarios", "27 are applied"),
        ("Workloads", "orders"),
        ("Canaries", "Step by step"),
    ):
        await page.get_by_label("What to act on").get_by_role("link", name=tab).click()
        await expect(page.get_by_text(content).first).to_be_visible()
        found += await visitor.violations()
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), tab
    await visitor.open("/act/chaos/kafka-gone")
    await page.get_by_role("button", name="Run the experiment").click()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Run")).to_be_visible()
    found += await visitor.violations()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Run the experiment")).to_be_focused()
    assert found == []


@pytest.mark.prove
@pytest.mark.timing
@pytest.mark.timeout(900)  # until the alert has fired, and ended
async def test_an_experiment_shows_its_verdict_and_its_alert(mesh: Mesh, desk: Visit) -> None:
    await mesh.wait_for_rollout("observability")
    visitor = await desk("/act/chaos/delay?seconds=10")
    page = visitor.page
    await page.get_by_role("button", name="Run the experiment").click()
    await page.get_by_role("dialog").get_by_role("button", name="Run").click()
    verdict = page.get_by_role("region", name="Verdict of delay")
    await expect(verdict).to_be_visible(timeout=800_000)
    await expect(verdict.get_by_text("holds", exact=True)).to_be_visible()
    await expect(verdict).to_contain_text(re.compile(r"ServiceSlow payments: fired after [\d.]+ s, ended [\d.]+ s"))
    await expect(verdict.get_by_role("row").filter(has_text="during")).to_contain_text(re.compile(r"(\d+) of \1"))
    assert await visitor.violations() == []
    await visitor.open("/act?show=chaos")
    entry: Locator = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="delay"))
    await expect(entry.get_by_text("holds", exact=True)).to_be_visible()


async def call(console: Console, path: str, body: Any = None) -> tuple[int, Any]:  # noqa: ANN401  # JSON
    """Call the API, and return the status with the body, which is JSON or text."""
    headers = {"host": console.host, "authorization": f"Bearer {console.token}", "content-type": "application/json"}
    if body is None:
        response = await http_request(console.host, path, headers)
    else:
        response = await http_request(console.host, path, headers, method="POST", body=json.dumps(body).encode())
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return response.status, json.loads(response.body) if is_json else response.body.decode()


async def test_what_is_not_exactly_an_act_is_refused_and_nothing_runs(mesh: Mesh, console: Console) -> None:
    del mesh  # only that it runs counts
    before = await call(console, "/api/commands")
    restart = {"workload": WORKLOAD}
    command = f"kubectl rollout restart -n shop deployment/{WORKLOAD}"
    for act, body, status in (
        ("restart", {"params": {"workload": f"{WORKLOAD}; touch x"}, "command": command}, HTTPStatus.BAD_REQUEST),
        ("restart", {"params": {"workload": "nosuch"}, "command": command}, HTTPStatus.BAD_REQUEST),
        ("restart", {"params": {**restart, "more": "--all"}, "command": command}, HTTPStatus.BAD_REQUEST),
        ("scale", {"params": {**restart, "replicas": "99"}, "command": command}, HTTPStatus.BAD_REQUEST),
        ("scale", {"params": {**restart, "replicas": 1}, "command": command}, HTTPStatus.BAD_REQUEST),
        ("restart", {"params": [WORKLOAD], "command": command}, HTTPStatus.BAD_REQUEST),
        ("restart", [], HTTPStatus.BAD_REQUEST),
        # The command is always the one of the act, and never the one that is sent.
        ("restart", {"params": restart}, HTTPStatus.CONFLICT),
        ("restart", {"params": restart, "command": f"{command} --all"}, HTTPStatus.CONFLICT),
        ("restart", {"params": restart, "command": "kubectl delete ns shop"}, HTTPStatus.CONFLICT),
        ("sh", {"params": {}, "command": "sh"}, HTTPStatus.NOT_FOUND),
    ):
        assert (await call(console, f"/api/acts/{act}", body))[0] == status, (act, body)
    assert (await call(console, "/api/commands/..%2f..%2fpki"))[0] == HTTPStatus.NOT_FOUND
    assert await call(console, "/api/commands") == before
    assert (await call(console, f"/api/acts/restart?workload={WORKLOAD}"))[1]["command"] == command
