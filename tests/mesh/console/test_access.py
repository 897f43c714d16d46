"""Only a browser that someone with the token has logged in can use the console. Pages of other sites cannot."""

import json
from http import HTTPStatus

import pytest
from playwright.async_api import Browser, expect

from tests.mesh.harness import MESH, Mesh
from tests.mesh.raw_http import RawResponse, http_request
from tests.mesh.web.visitor import Visit, Visitor
from tools.console import Console

READ = "/api/mesh"
JSON = {"content-type": "application/json"}


async def call(
    console: Console, path: str = READ, headers: dict[str, str] | None = None, body: object = None
) -> RawResponse:
    """Call the API as the page does, but for the headers that are given."""
    sent = {"host": console.host, "authorization": f"Bearer {console.token}"} | (headers or {})
    if body is None:
        return await http_request(console.host, path, sent)
    return await http_request(console.host, path, JSON | sent, method="POST", body=json.dumps(body).encode())


async def test_the_page_of_the_console_may_call_it(console: Console, running: Mesh) -> None:
    response = await call(console, headers={"origin": console.origin, "sec-fetch-site": "same-origin"})
    assert response.status == HTTPStatus.OK
    assert json.loads(response.body)["instance"] == running.name


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, HTTPStatus.UNAUTHORIZED),
        ({"authorization": "Bearer wrong"}, HTTPStatus.UNAUTHORIZED),
        ({"authorization": "Basic {token}"}, HTTPStatus.UNAUTHORIZED),
        ({"host": "rebound.example"}, HTTPStatus.MISDIRECTED_REQUEST),
        ({"host": "localhost:8090"}, HTTPStatus.MISDIRECTED_REQUEST),
        ({"origin": "http://stranger.example"}, HTTPStatus.FORBIDDEN),
        ({"origin": "null"}, HTTPStatus.FORBIDDEN),
        ({"origin": "http://localhost:8080"}, HTTPStatus.FORBIDDEN),
        ({"sec-fetch-site": "cross-site"}, HTTPStatus.FORBIDDEN),
        ({"sec-fetch-site": "same-site"}, HTTPStatus.FORBIDDEN),
    ],
)
async def test_any_other_caller_is_refused(console: Console, headers: dict[str, str], status: HTTPStatus) -> None:
    sent = {name: value.format(token=console.token) for name, value in headers.items()}
    response = await call(console, headers=sent)
    assert response.status == status
    assert b"instance" not in response.body
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_every_path_of_the_api_needs_the_token(console: Console) -> None:
    for path in ("/api/codes", "/api/none", "/api/", "/api/login/"):
        assert (await call(console, path, {"authorization": ""}, {})).status == HTTPStatus.UNAUTHORIZED


async def test_a_form_of_another_site_cannot_log_in_or_act(console: Console) -> None:
    for path in ("/api/login", "/api/codes"):
        response = await call(console, path, {"content-type": "text/plain"}, {"code": "x"})
        assert response.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


async def test_a_code_works_once(console: Console) -> None:
    code = json.loads((await call(console, "/api/codes", body={})).body)["code"]
    first = await call(console, "/api/login", {"authorization": ""}, {"code": code})
    assert json.loads(first.body) == {"token": console.token}
    for used in (code, "", None, ["x"]):
        again = await call(console, "/api/login", {"authorization": ""}, {"code": used})
        assert again.status == HTTPStatus.UNAUTHORIZED
        assert console.token.encode() not in again.body


async def test_a_link_logs_a_browser_in_and_the_token_stays_out_of_addresses(
    mesh: Mesh, console: Console, browser: Browser
) -> None:
    run = await mesh.run(MESH, "console", "-i", mesh.name, "--no-browser")
    assert (run.returncode, run.stderr) == (0, "")
    assert console.token not in run.stdout
    [link] = [word for word in run.stdout.split() if "/login?code=" in word]
    async with Visitor.enter(browser, console.origin) as visitor:
        await visitor.open("/")
        await expect(visitor.page.get_by_role("heading", name="Log in")).to_be_visible()
        await visitor.page.goto(link)
        await expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()
        await visitor.page.reload()
        await expect(visitor.page.get_by_text(mesh.name, exact=True)).to_be_visible()
        assert visitor.page.url == f"{console.origin}/"
        await visitor.page.get_by_role("button", name="Log out").click()
        await visitor.page.goto(link)
        await expect(visitor.page.get_by_role("alert")).to_contain_text("This link has been used")
        assert await visitor.violations() == []
        assert visitor.problems == []
        assert [url for url in visitor.requests if console.token in url or not url.startswith(console.origin)] == []


async def test_the_token_is_in_a_file_of_the_user_alone(console: Console, running: Mesh) -> None:
    file = running.home / "console-token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(console.token) >= 40


async def test_no_other_script_runs_and_no_other_site_frames_the_page(desk: Visit) -> None:
    visitor = await desk("/")
    await expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()
    policy = (await visitor.page.request.get(visitor.origin)).headers["content-security-policy"]
    assert "'unsafe-inline'" not in policy
    assert "frame-ancestors 'none'" in policy
    refused = await visitor.page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
          const script = document.createElement("script");
          script.append("document.title = 'injected'");
          document.body.append(script);
        })"""
    )
    assert refused in {"script-src-elem", "require-trusted-types-for"}
    assert await visitor.page.title() != "injected"
    visitor.problems.clear()


async def test_a_page_of_another_site_cannot_read_or_act(mesh: Mesh, desk: Visit, console: Console) -> None:
    # The storefront is another site on the same machine. It does not know the token; here it even has it.
    stranger = await desk("/")
    await stranger.page.goto(f"http://{mesh.gateway}/openapi.json")
    failed = await stranger.page.evaluate(
        """async ([url, token]) => {
          const attempt = (options) => fetch(url, options).then(() => "read", () => "refused");
          return [
            await attempt({}),
            await attempt({ headers: { authorization: `Bearer ${token}` } }),
            await attempt({ method: "POST", body: "{}", headers: { "content-type": "application/json" } }),
          ];
        }""",
        [f"{console.origin}/api/codes", console.token],
    )
    assert failed == ["refused"] * 3
    stranger.problems.clear()
