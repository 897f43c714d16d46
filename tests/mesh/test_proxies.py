"""What proxies record: each call once, by method and status, in traces that no stranger can join or prevent."""

import json
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mesh.local import loopback
from mesh.local.clients import signals
from mesh.local.instance import existing
from mesh.local.matrix.declared import methods
from tests.mesh.calls import Shop, call_as, method, outcome_of, status_of
from tests.mesh.harness import SERVICES, Mesh, dial
from tests.mesh.raw_http import http_request
from tests.support.checkout import ROOT
from tests.support.clock import eventually

CALLS = re.compile(r"^envoy_mesh_rpc_requests_total{(.*)} (\d+)$", re.MULTILINE)
NONE_HEALTHY = re.compile(r"^envoy_cluster_upstream_cx_none_healthy{.*4317.*} (\d+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
GATEWAY, CATALOG, GET_PRODUCT = "shop-gateway", "catalog", "shop.catalog.v1.CatalogService/GetProduct"
HOST = "catalog.shop.svc.cluster.local"
MISSING = "NOT_FOUND the product does not exist"
STRANGE_TRACE, STRANGE_SPAN = "1" * 32, "2" * 16
STRANGER = {
    "traceparent": f"00-{STRANGE_TRACE}-{STRANGE_SPAN}-{{sampled}}",
    "tracestate": "stranger=1",
    "b3": f"{STRANGE_TRACE}-{STRANGE_SPAN}-0",
    "x-b3-sampled": "0",
    # The version of a UUID in which Envoy stores that a trace is not recorded.
    "x-request-id": "11111111-1111-4111-8111-111111111111",
    "x-envoy-force-trace": "1",
}
Calls = Counter[tuple[str, str, str]]
"""The number of calls by reporter, method and gRPC status."""


async def scrape(mesh: Mesh, app: str) -> str:
    """Read the metrics of the proxy of an app, where a scraper reads them."""
    pod = await mesh.pod(app, "shop-ingress" if app == GATEWAY else "shop")
    with loopback.open_url(f"http://{pod['status']['podIP']}:15090/stats/prometheus", 10) as reply:
        return reply.read().decode()


async def calls(mesh: Mesh, app: str) -> Calls:
    found: Calls = Counter()
    for text, count in CALLS.findall(await scrape(mesh, app)):
        labels = dict(LABEL.findall(text))
        found[labels["reporter"], labels["method"].removeprefix("/"), labels["grpc_response_status"]] += int(count)
    return found


async def trace_of(mesh: Mesh, user_agent: str) -> str:
    """Wait until the gateway has logged a call of a program, and return the trace of the call."""
    async for attempt in eventually(10):
        with attempt:
            log = await mesh.kubectl("logs", "-n", "shop-ingress", f"deployment/{GATEWAY}", "--tail=1000")
            lines = [json.loads(line) for line in log.splitlines() if user_agent in line]
            assert len(lines) == 1
    return str(lines[0]["trace_id"])


@asynccontextmanager
async def no_collector(mesh: Mesh) -> AsyncIterator[None]:
    """Remove the Collector while the block runs."""

    async def place(node: str) -> None:
        selector = json.dumps({"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/os": node}}}}})
        await mesh.kubectl("patch", "daemonset", "otel-collector", "-n", "observability", "-p", selector)

    try:
        await place("none")
        await mesh.wait_for_pod_count("otel-collector", 0, "observability")
        yield
    finally:
        await place("linux")
        await mesh.wait_for_pod_count("otel-collector", 1, "observability")


async def test_each_call_is_counted_once_by_method_and_status(mesh: Mesh, shop: Shop) -> None:
    before = {app: await calls(mesh, app) for app in (GATEWAY, CATALOG)}
    async with dial(mesh.gateway) as channel:
        outcomes = Counter([await outcome_of(shop.get_product()) for _ in range(20)])
        call = method(channel, f"/{GET_PRODUCT}")
        outcomes.update([await outcome_of(call(b"\n\rproducts/none")) for _ in range(5)])
    assert outcomes == {"OK": 20, MISSING: 5}
    async for attempt in eventually(10):
        with attempt:
            for app, reporter in ((GATEWAY, "source"), (CATALOG, "destination")):
                new = await calls(mesh, app) - before[app]
                assert new == {(reporter, GET_PRODUCT, "0"): 20, (reporter, GET_PRODUCT, "5"): 5}, app


async def test_only_methods_of_the_contracts_are_counted(mesh: Mesh) -> None:
    unknown = f"/{GET_PRODUCT}s"
    async with dial(mesh.gateway) as channel:
        for path in (unknown, "/shop.inventory.v1.InventoryService/ReserveStock"):
            assert (await status_of(method(channel, path)(b""))).name == "PERMISSION_DENIED"
    assert (await call_as(mesh, "orders", HOST, unknown)).name == "UNIMPLEMENTED"
    await http_request(mesh.gateway, f"/{GET_PRODUCT}", method="POST")
    public = {each.name for each in methods(ROOT) if each.is_public}
    all_methods = {each.name for each in methods(ROOT)}
    for app, allowed in [(GATEWAY, public), *((app, all_methods) for app in SERVICES)]:
        text = await scrape(mesh, app)
        assert {name for _, name, _ in await calls(mesh, app)} <= allowed, app
        assert "envoy_server_uptime" in text
        assert text.count("\n") < 1500, f"{app} has many series"


@pytest.mark.parametrize("sampled", ["00", "01"])
async def test_a_trace_begins_at_the_gateway_not_at_a_stranger(mesh: Mesh, sampled: str) -> None:
    await mesh.wait_for_rollout("observability")
    instance = existing(mesh.name)
    assert instance
    marked = f"marked-{uuid.uuid4()}"
    headers = {name: value.replace("{sampled}", sampled) for name, value in STRANGER.items()} | {"user-agent": marked}
    assert (await http_request(mesh.gateway, "/v1/products/p-0001", headers)).status == 200
    trace = await trace_of(mesh, marked)
    assert trace != STRANGE_TRACE
    async for attempt in eventually(30):
        with attempt:
            spans = signals.find_trace(instance, trace)
            # Those of the gateway, then of catalog's proxy and of its app.
            expected = [(GATEWAY, "SERVER"), (GATEWAY, "CLIENT"), (CATALOG, "SERVER"), (CATALOG, "SERVER")]
            assert [(span.service, span.kind) for span in spans] == expected
    assert [span.parent for span in spans] == ["", *(span.id for span in spans[:-1])]
    assert marked not in str(spans)
    assert "p-0001" not in str(spans)


async def test_a_collector_that_is_away_costs_no_call(mesh: Mesh, shop: Shop) -> None:
    async with no_collector(mesh):
        outcomes = Counter([await outcome_of(shop.get_product()) for _ in range(30)])
        async for attempt in eventually(20):
            with attempt:
                lost = [count for count in NONE_HEALTHY.findall(await scrape(mesh, GATEWAY)) if int(count)]
                assert lost
    assert outcomes == {"OK": 30}
