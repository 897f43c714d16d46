"""What is generated from the contracts is what the mesh does, and an operator's traffic keeps to it."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.mesh import policies
from tests.mesh.calls import Shop, ending_of
from tests.mesh.harness import MESH, ROOT, Manifest, Mesh, dial, eventually

TIMED_OUT = "UNAVAILABLE upstream request timeout|DEADLINE_EXCEEDED"
CONTRACTS = str(ROOT / "mesh/istio/contracts")


async def difference(mesh: Mesh) -> str:
    """Answer how the running mesh differs from what is generated."""
    run = await mesh.run("kubectl", "diff", "--server-side", "--force-conflicts", "-k", CONTRACTS)
    assert run.returncode in {0, 1}, run.stderr
    return run.stdout


def asked(mesh: Mesh, path: str) -> tuple[int, Any]:
    """GET a path of the gateway as JSON; answer the status and the body."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{mesh.gateway}{path}", timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else body.decode()


async def test_the_running_mesh_has_what_is_generated(mesh: Mesh) -> None:
    assert await difference(mesh) == ""


async def test_an_edit_of_the_running_mesh_shows(mesh: Mesh) -> None:
    edit = json.dumps([{"op": "replace", "path": "/spec/http/0/timeout", "value": "9s"}])
    undo = json.dumps([{"op": "replace", "path": "/spec/http/0/timeout", "value": "2s"}])
    words = ["patch", "virtualservice", "payments", "-n", "shop", "--type=json", "-p"]
    await mesh.kubectl(*words, edit)
    try:
        assert "timeout: 9s" in await difference(mesh)
    finally:
        await mesh.kubectl(*words, undo)
    assert await difference(mesh) == ""


async def test_public_methods_answer_json_over_http(mesh: Mesh) -> None:
    code, body = asked(mesh, "/v1/products/p-0001")
    assert (code, body["product"]["name"]) == (200, "products/p-0001")
    code, body = asked(mesh, "/v1/products?page_size=2")
    assert (code, len(body["products"])) == (200, 2)


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("/v1/products/p-9999", 404, {"code": 5}),
        ("/v1/products?page_size=-1", 400, {"code": 3}),
        ("/v1/products?page_sise=1", 400, ""),
        ("/v1/payments/1", 403, "RBAC: access denied"),
        ("/v1/orders?customer=customers/ada", 403, "RBAC: access denied"),
    ],
    ids=["not found", "invalid", "an unknown parameter", "not public", "not signed in"],
)
async def test_json_is_refused_as_grpc_is(mesh: Mesh, path: str, code: int, told: object) -> None:
    status, body = asked(mesh, path)
    assert status == code
    if isinstance(told, dict):
        assert told.items() <= body.items(), body
        assert "ErrorInfo" in json.dumps(body)
    else:
        assert str(told) in str(body)


@asynccontextmanager
async def canary(mesh: Mesh, *faults: Manifest, routes: list[dict[str, Any]]) -> AsyncIterator[None]:
    """Have a second version of catalog beside the first, and an operator who says which calls go where."""
    twin = policies.twin(await mesh.get("deployment", "-n", "shop", "catalog"), version="v2")
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    versions = {
        "apiVersion": policies.NETWORKING,
        "kind": "DestinationRule",
        "metadata": {"name": "catalog-versions", "namespace": "shop"},
        "spec": {"host": policies.CATALOG, "subsets": subsets},
    }
    traffic = {
        "apiVersion": policies.NETWORKING,
        "kind": "VirtualService",
        "metadata": {"name": "catalog-traffic", "namespace": "shop"},
        "spec": {"http": routes},
    }
    async with mesh.applied(*faults, versions, twin):
        await mesh.rolled_out()
        # A subset is there before a route names it.
        async with mesh.applied(traffic):
            yield
    await mesh.left_with("catalog", 1)
    assert await difference(mesh) == ""


def to(version: str, **further: object) -> dict[str, Any]:
    return {"destination": {"host": policies.CATALOG, "subset": version}, **further}


async def answered(mesh: Mesh, version: str) -> int:
    """Count the calls that the gateway has sent to a version."""
    clusters = (await mesh.run(MESH, "proxy", "-i", mesh.name, "ingressgateway", "clusters")).stdout
    found = re.findall(rf"^outbound\|50051\|{version}\|catalog\..*::rq_total::(\d+)$", clusters, re.MULTILINE)
    return sum(map(int, found))


async def test_retries_hold_during_a_canary(mesh: Mesh, shop: Shop) -> None:
    abort = policies.callee_fault({"version": "v2"}, abort={"grpc_status": 14, "percentage": policies.percent(30)})
    async with canary(mesh, abort, routes=[{"route": [to("v1", weight=50), to("v2", weight=50)]}]):
        async for attempt in eventually(10):
            with attempt:
                for _ in range(20):
                    await ending_of(shop.get_product())
                assert await answered(mesh, "v1")
                assert await answered(mesh, "v2")
        endings = [await ending_of(shop.get_product()) for _ in range(200)]
    # Every third call of every second one fails, and is sent again twice: without that 30 of 200 would fail.
    assert 200 - endings.count("OK") <= 8


async def test_a_timeout_holds_during_a_canary_chosen_by_header(mesh: Mesh, shop: Shop) -> None:
    delay = policies.callee_fault({"version": "v2"}, delay={"fixed_delay": "20s", "percentage": policies.percent(100)})
    # The canary's Pods are the service's, too: without a route of their own the others would come to them as well.
    chosen_by = {"match": [{"headers": {"user-agent": {"prefix": "canary"}}}], "route": [to("v2")]}
    routes = [chosen_by, {"route": [to("v1")]}]
    async with canary(mesh, delay, routes=routes), dial(mesh.gateway, user_agent="canary") as channel:
        chosen = Shop(channel)
        async for attempt in eventually(10):
            with attempt:
                began = time.monotonic()
                assert re.match(TIMED_OUT, await ending_of(chosen.get_product()))
        assert 1.9 < time.monotonic() - began < 2.6
        assert await ending_of(shop.get_product()) == "OK", "everybody else goes where they went"
