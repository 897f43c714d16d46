"""Metrics, logs, traces and the ledger agree: each of a thousand orders is in all of them, with its faults."""

import asyncio
import json
from collections import Counter
from urllib.parse import urlencode

import pytest

from mesh.local import loopback
from mesh.local.clients import signals
from mesh.local.clients.signals import Line, Span
from mesh.local.instance import Instance, existing
from mesh.local.pages import Page, base_url
from shop.orders.v1 import orders_pb2
from tests.mesh.calls import Shop
from tests.mesh.harness import MESH, Mesh
from tests.support.clock import eventually
from tests.support.report import notes

pytestmark = pytest.mark.prove

ORDERS, IN_FLIGHT, PERCENT = 1000, 8, 5
PLACE = "shop.orders.v1.OrdersService/PlaceOrder"
AUTHORIZE = "shop.payments.v1.PaymentsService/AuthorizePayment"
FAULT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "payments-traffic", "namespace": "shop"},
    "spec": {
        "http": [
            {
                "match": [{"uri": {"exact": f"/{AUTHORIZE}"}}],
                "fault": {"abort": {"percentage": {"value": PERCENT}, "grpcStatus": "UNAVAILABLE"}},
                "route": [{"destination": {"host": "payments.shop.svc.cluster.local"}}],
            },
            {"route": [{"destination": {"host": "payments.shop.svc.cluster.local"}}]},
        ]
    },
}


def metric(instance: Instance, query: str) -> int:
    """Return the sum of a query in MetricsQL, as of now."""
    arguments = urlencode({"query": f"sum({query}) or vector(0)"})
    with loopback.open_url(f"{base_url(instance, Page.METRICS)}/api/v1/query?{arguments}", 15) as reply:
        [result] = json.load(reply)["data"]["result"]
    return round(float(result["value"][1]))


def read_counts(instance: Instance) -> Counter[str]:
    """Return what has been counted since the mesh was started."""
    calls = f'rpc_server_call_duration_seconds_count{{rpc_method="{PLACE}"}}'
    return Counter(
        {
            "metric of the app: PlaceOrder": metric(instance, calls),
            "metric of the gateway: PlaceOrder": metric(
                instance, f'mesh_rpc_requests_total{{method="{PLACE}", caller="shop-gateway"}}'
            ),
            "metric of the proxy: AuthorizePayment UNAVAILABLE": metric(
                instance, f'mesh_rpc_requests_total{{method="{AUTHORIZE}", grpc_status="14"}}'
            ),
            "metric of the app: CONFIRMED": metric(instance, 'shop_orders_total{outcome="CONFIRMED"}'),
            "metric of the app: REJECTED": metric(instance, 'shop_orders_total{outcome="REJECTED"}'),
        }
    )


async def place_all(shop: Shop) -> list[orders_pb2.Order]:
    """Place all orders, a few at a time, and return them."""
    orders: list[orders_pb2.Order] = []
    left = iter(range(ORDERS))

    async def buy() -> None:
        orders.extend([await shop.place(shop.order_request()) for _ in left])

    await asyncio.gather(*(buy() for _ in range(IN_FLIGHT)))
    return orders


@pytest.mark.timeout(900)
async def test_a_thousand_orders_are_counted_alike(mesh: Mesh, shop: Shop, request: pytest.FixtureRequest) -> None:
    await mesh.wait_for_rollout("observability")
    instance = existing(mesh.name)
    assert instance
    # An order before them has created each series, and what was scraped since is all that is older.
    before = read_counts(instance)
    async for attempt in eventually(30, every=6):
        with attempt:
            again, before = before, read_counts(instance)
            assert again == before
    async with mesh.applied(FAULT):
        names = {order.name.removeprefix("orders/") for order in await place_all(shop)}
    assert len(names) == ORDERS

    # Each order has a line at its end. If its undoing failed too, recovery ends it, in a trace of its own.
    async for attempt in eventually(120, every=3):
        with attempt:
            lines = signals.find_lines(instance, 'order:* "k8s.container.name":app trace_id:*')
            lines = [line for line in lines if line.fields["order"] in names]
            ended = {line.fields["order"]: line.message.removeprefix("order ") for line in lines if is_end(line)}
            assert ended.keys() == names
    states = Counter(ended.values())
    assert states.keys() == {"CONFIRMED", "REJECTED"}, "some meet the fault"

    traces = {line.fields["trace_id"] for line in lines}
    async for attempt in eventually(120, every=5):
        with attempt:
            found = [signals.find_trace(instance, trace) for trace in traces]
            assert [len(roots(trace)) for trace in found if len(roots(trace)) != 1] == []
            spans = [span for trace in found for span in trace]
            placed = [span for span in spans if is_of_app(span, PLACE, "SERVER")]
            assert len(placed) == ORDERS
    aborted = [span for span in spans if is_of_app(span, AUTHORIZE, "CLIENT") and span.failed]

    expected = {
        "metric of the app: PlaceOrder": ORDERS,
        "metric of the gateway: PlaceOrder": ORDERS,
        "metric of the proxy: AuthorizePayment UNAVAILABLE": len(aborted),
        "metric of the app: CONFIRMED": states["CONFIRMED"],
        "metric of the app: REJECTED": states["REJECTED"],
    }
    async for attempt in eventually(60, every=3):
        with attempt:
            after = read_counts(instance)
            assert {name: after[name] - before[name] for name in expected} == expected

    ledger = await mesh.run(MESH, "ledger", "-i", mesh.name, within=120)
    assert ledger.returncode == 0, ledger.stdout
    figures = f"{states['CONFIRMED']} confirmed, {states['REJECTED']} rejected; {len(spans)} spans"
    notes(request.config, "scenarios").append(("counts agree", "orders in metrics, logs, traces and ledger", figures))


def is_end(line: Line) -> bool:
    """Return whether a line says how an order has ended."""
    return line.message in {"order CONFIRMED", "order REJECTED"}


def roots(trace: list[Span]) -> list[Span]:
    """Return the spans without a parent in the trace."""
    ids = {span.id for span in trace}
    return [span for span in trace if span.parent not in ids]


def is_of_app(span: Span, method: str, kind: str) -> bool:
    """Return whether an app has recorded the span, for a call of the method."""
    return not span.is_proxy and span.kind == kind and span.tags.get("rpc.method") == method
