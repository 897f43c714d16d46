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
from tests.mesh.calls import Shop
from tests.mesh.harness import MESH, Mesh
from tests.support.clock import eventually
from tests.support.report import notes

pytestmark = pytest.mark.prove

ORDERS, BATCH, IN_FLIGHT, PERCENT = 1000, 200, 8, 5
# Zipkin keeps the traces of 300 orders, so those of a batch are read before the next one.
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


async def place_some(shop: Shop) -> set[str]:
    """Place BATCH orders, a few at a time, and return their ids."""
    names: list[str] = []
    left = iter(range(BATCH))

    async def buy() -> None:
        names.extend([(await shop.place(shop.order_request())).name for _ in left])

    await asyncio.gather(*(buy() for _ in range(IN_FLIGHT)))
    return {name.removeprefix("orders/") for name in names}


async def find_ends(instance: Instance, names: set[str]) -> tuple[Counter[str], set[str]]:
    """Wait until each order has ended. Return how they ended, and the traces that they are in, by the logs."""
    # If undoing an order failed too, recovery ends it, in a separate trace.
    async for attempt in eventually(120, every=3):
        with attempt:
            lines = signals.find_lines(instance, 'order:* "k8s.container.name":app trace_id:*')
            lines = [line for line in lines if line.fields["order"] in names]
            ended = {line.fields["order"]: line.message.removeprefix("order ") for line in lines if is_end(line)}
            assert ended.keys() == names
    return Counter(ended.values()), {line.fields["trace_id"] for line in lines}


async def find_spans(instance: Instance, traces: set[str]) -> list[Span]:
    """Wait until each trace is whole, and return the spans of all."""
    async for attempt in eventually(120, every=3):
        with attempt:
            found = [signals.find_trace(instance, trace) for trace in traces]
            assert [len(roots(trace)) for trace in found if len(roots(trace)) != 1] == []
            spans = [span for trace in found for span in trace]
            assert sum(is_of_app(span, PLACE, "SERVER") for span in spans) == BATCH
    return spans


@pytest.mark.timeout(900)
async def test_a_thousand_orders_are_counted_alike(mesh: Mesh, shop: Shop, request: pytest.FixtureRequest) -> None:
    await mesh.wait_for_rollout("observability")
    instance = existing(mesh.name)
    assert instance
    # The mesh has placed orders before these. All of them must be counted first.
    async for attempt in eventually(90, every=6):
        with attempt:
            before = read_counts(instance)
            earlier = len(signals.find_lines(instance, f'method:="/{PLACE}" logger:=access'))
            counted = [count for name, count in before.items() if name.endswith("PlaceOrder")]
            assert counted == [earlier] * 2
            assert earlier
    states: Counter[str] = Counter()
    aborted = spans = 0
    async with mesh.applied(FAULT):
        for _ in range(ORDERS // BATCH):
            ends, traces = await find_ends(instance, await place_some(shop))
            states += ends
            found = await find_spans(instance, traces)
            aborted += sum(is_of_app(span, AUTHORIZE, "CLIENT") and span.failed for span in found)
            spans += len(found)
    assert states.total() == ORDERS
    assert states.keys() == {"CONFIRMED", "REJECTED"}, "some meet the fault"

    expected = {
        "metric of the app: PlaceOrder": ORDERS,
        "metric of the gateway: PlaceOrder": ORDERS,
        "metric of the proxy: AuthorizePayment UNAVAILABLE": aborted,
        "metric of the app: CONFIRMED": states["CONFIRMED"],
        "metric of the app: REJECTED": states["REJECTED"],
    }
    async for attempt in eventually(60, every=3):
        with attempt:
            after = read_counts(instance)
            assert {name: after[name] - before[name] for name in expected} == expected

    ledger = await mesh.run(MESH, "ledger", "-i", mesh.name, within=120)
    assert ledger.returncode == 0, ledger.stdout
    figures = f"{states['CONFIRMED']} confirmed, {states['REJECTED']} rejected; {spans} spans"
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
