"""The calls between services in the running mesh are exactly those that the service.yaml files declare."""

import re
from typing import Any

import grpc
import pytest

from mesh.local.matrix.declared import services
from shop.orders.v1 import orders_pb2 as pb
from tests.mesh.calls import Shop, call_as
from tests.mesh.harness import MESH, SERVICES, Mesh
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.report import Measured

OUTBOUND = re.compile(r"outbound\|50051\|[^|]*\|(\w+)\.shop\.svc\.cluster\.local")
DECLARED = {
    (declared.name, f"/{call.method}") for declared in services(ROOT) for call in declared.calls if not call.on_demand
}
CONFIRMED, REJECTED, CANCELLED = pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED, pb.Order.STATE_CANCELLED
UNKNOWN_POSTAL_CODE = "00000"


async def place_orders_with_every_outcome(shop: Shop) -> None:
    """Place orders so that the saga makes each of its calls, without any fault in the mesh."""
    shipped = await shop.place(shop.order_request())
    assert shipped.state == CONFIRMED
    assert (await shop.cancel(shipped.name)).state == CANCELLED

    declined = shop.order_request()
    declined.payment_token = "tok_declined"  # noqa: S105  # not a real card
    assert (await shop.place(declined)).rejection_reason == pb.Order.REJECTION_REASON_PAYMENT_DECLINED

    # The payment is already authorized when the carrier refuses.
    undeliverable = shop.order_request()
    undeliverable.shipping_address.postal_code = UNKNOWN_POSTAL_CODE
    assert (await shop.place(undeliverable)).rejection_reason == pb.Order.REJECTION_REASON_SHIPPING_REFUSED

    too_many = shop.order_request()
    too_many.items[0].quantity = (await shop.stock(too_many.items[0].product)).available + 1
    assert (await shop.place(too_many)).rejection_reason == pb.Order.REJECTION_REASON_INSUFFICIENT_STOCK


async def logged_calls(mesh: Mesh, pod: Any) -> set[tuple[str, str]]:  # noqa: ANN401  # JSON
    """Return the outgoing calls in the access log of a Pod's sidecar, as (caller, method)."""
    app = pod["metadata"]["labels"]["app"]
    lines = await mesh.access_log(pod["metadata"]["name"], "")
    return {(app, line["path"]) for line in lines if OUTBOUND.fullmatch(line.get("upstream_cluster") or "")}


async def counted_calls(mesh: Mesh, app: str) -> set[tuple[str, str]]:
    """Return the outgoing calls in the counters of an app's sidecar, as (caller, callee)."""
    clusters = await mesh.envoy(app, "clusters")
    counters = re.findall(rf"^{OUTBOUND.pattern}::\S+::rq_total::([1-9]\d*)$", clusters, re.MULTILINE)
    return {(app, callee) for callee, _ in counters}


@pytest.mark.prove
async def test_the_mesh_sees_exactly_the_declared_calls(mesh: Mesh, shop: Shop, measured: Measured) -> None:
    # Other tests have called as orders. A restart clears the log and the counters of its sidecar.
    await mesh.restart("orders")
    earlier = {pod["metadata"]["name"] for pod in await mesh.pods("operator")}
    await place_orders_with_every_outcome(shop)
    ledger = await mesh.run(MESH, "ledger", within=240)
    assert ledger.returncode == 0, ledger.stdout + ledger.stderr

    [job] = (pod for pod in await mesh.pods("operator") if pod["metadata"]["name"] not in earlier)
    pods = [job, *[await mesh.pod(app) for app in SERVICES]]
    async for attempt in eventually(20):  # Envoy writes its access log in batches
        with attempt:
            calls = set[tuple[str, str]]().union(*[await logged_calls(mesh, pod) for pod in pods])
            assert sorted(DECLARED - calls) == [], "declared, but not seen"
    assert sorted(calls - DECLARED) == [], "seen, but not declared"

    edges = {(caller, path.split(".")[1]) for caller, path in DECLARED if caller in SERVICES}
    assert set[tuple[str, str]]().union(*[await counted_calls(mesh, app) for app in SERVICES]) == edges
    measured(f"calls between services, each declared and seen: {len(calls)} methods, {len(edges)} pairs of services")


async def test_an_undeclared_call_is_denied_and_logged(mesh: Mesh) -> None:
    undeclared = ("orders", "/shop.inventory.v1.InventoryService/GetStock")
    assert undeclared not in DECLARED
    assert (
        await call_as(mesh, "orders", "inventory.shop.svc.cluster.local", undeclared[1])
        == grpc.StatusCode.PERMISSION_DENIED
    )
    pod = await mesh.pod("orders")
    async for attempt in eventually(20):
        with attempt:
            assert undeclared in await logged_calls(mesh, pod)
