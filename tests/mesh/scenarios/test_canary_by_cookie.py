"""canary-by-cookie: one visitor in five gets a new part of the page and keeps it. All other files come from v1."""

import re
from collections import Counter

from playwright.async_api import expect

from tests.mesh.harness import Mesh
from tests.mesh.raw_http import RawResponse, http_request
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.web.visitor import Visit, Visitor
from tests.support.clock import eventually

PART = "/parts/catalog/"
OLD, NEW = "Good mornings, made by hand", "Good mornings, roasted today"
VISITORS = 60
REQUESTS_OF_SUBSET = re.compile(r"^outbound\|8080\|(\w+)\|storefront\.shop\..*::rq_total::(\d+)$", re.MULTILINE)


def cookie(version: str) -> dict[str, str]:
    return {"cookie": f"catalog-part={version}"}


async def get(mesh: Mesh, file: str, headers: dict[str, str] | None = None) -> RawResponse:
    """Read a file of the part."""
    return await http_request(mesh.gateway, PART + file, headers)


async def get_script(mesh: Mesh, headers: dict[str, str]) -> str:
    """Read the manifest of the part and then the script that it names, as the shell does. Return the script."""
    manifest = await get(mesh, "part.json", headers)
    [name] = re.findall(rb'"entry":"([^"]+)"', manifest.body)
    script = await get(mesh, name.decode(), headers)
    assert (manifest.status, script.status) == (200, 200)
    assert "set-cookie" not in script.headers
    return script.body.decode()


async def requests_by_subset(mesh: Mesh) -> Counter[str]:
    """Count the requests that the gateway has sent to each version of the storefront so far."""
    found = REQUESTS_OF_SUBSET.findall(await mesh.envoy("shop-gateway", "clusters"))
    return Counter({subset: int(count) for subset, count in found})


async def use_version(visitor: Visitor, version: str) -> None:
    """Set the cookie of a version in the browser of a visitor."""
    [name, value] = cookie(version)["cookie"].split("=")
    await visitor.page.context.add_cookies([{"name": name, "value": value, "url": visitor.origin + PART}])


async def expect_heading(visitor: Visitor, text: str) -> None:
    await visitor.open("/")
    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text(text)


async def test_a_visitor_keeps_the_version_of_the_part_that_they_got(
    scenario: Scenario, mesh: Mesh, visit: Visit
) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(20):
            with attempt:
                script = await get_script(mesh, cookie("v2"))
                assert NEW in script, "the route is in force"
        assert OLD in await get_script(mesh, cookie("v1"))

        versions: Counter[str] = Counter()
        for _ in range(VISITORS):
            given = (await get(mesh, "part.json")).headers["set-cookie"].split("; ")
            assert {f"Path={PART}", "HttpOnly", "SameSite=Lax"} < set(given)
            version = given[0].removeprefix("catalog-part=")
            versions[version] += 1
            assert {"v1": OLD, "v2": NEW}[version] in await get_script(mesh, cookie(version))
        # The probability that all of 60 visitors get v1 is 2 in 10^6. v1 fails 60 times in a row with 1 in 10^42.
        assert versions.keys() == {"v1", "v2"}

        one, other = await visit("/cart"), await visit("/cart")
        await use_version(one, "v1")
        await use_version(other, "v2")
        await expect_heading(one, OLD)
        before, other.requests[:] = await requests_by_subset(mesh), []
        await expect_heading(other, NEW)
        await expect_heading(other, NEW)
        of_part = [url for url in other.requests if url.startswith(other.origin + PART)]
        sent = await requests_by_subset(mesh) - before
        # The browser has kept files of the first visit.
        assert 0 < sent["v2"] <= len(of_part), "the shell and all other parts come from v1"
        assert sent["v1"] > 0
    async for attempt in eventually(20):
        with attempt:
            assert OLD in await get_script(mesh, cookie("v2"))
    await expect_heading(other, OLD)
    scenario.record_result(
        "a visitor in five gets v2, and each keeps their version",
        f"{versions['v2']} of {VISITORS} visitors got v2",
    )
