"""timeouts-that-nest: one deadline stops the work at every hop."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import Stopwatch, eventually

DEADLINE_SECONDS, DELAY_SECONDS = 1.0, 1.5
PLACE = "/shop.orders.v1.OrdersService/PlaceOrder"
PRICES = "/shop.catalog.v1.CatalogService/BatchGetProducts"
LOG_PRECISION = timedelta(milliseconds=2)  # logs have no microseconds
HOPS = ("gateway", "into orders", "out of orders", "into catalog")


async def last_log_record(
    mesh: Mesh, workload: str, container: str, since: datetime, **fields: object
) -> dict[str, Any]:
    """Return the last log record of a container since a time that has certain fields."""
    namespace = "shop-ingress" if workload == "shop-gateway" else "shop"
    words = ["logs", "-n", namespace, f"deployment/{workload}", "-c", container, "--tail=500"]
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (await mesh.kubectl(*words)).splitlines() if line.startswith("{")
    ]
    recent = [line for line in lines if datetime.fromisoformat(line.get("start_time") or line["time"]) >= since]
    matching = [line for line in recent if fields.items() <= line.items()]
    assert matching, f"{container} of {workload} has not logged such a call yet: {fields}"
    return matching[-1]


async def hops(mesh: Mesh, since: datetime) -> list[dict[str, Any]]:
    """Return the log record of each proxy for the cancelled order, from the outside in."""
    gateway = await last_log_record(mesh, "shop-gateway", "istio-proxy", since, path=PLACE)
    order = await last_log_record(mesh, "orders", "istio-proxy", since, path=PLACE, request_id=gateway["request_id"])
    outgoing = await last_log_record(mesh, "orders", "istio-proxy", since, path=PRICES)
    incoming = await last_log_record(
        mesh, "catalog", "istio-proxy", since, path=PRICES, request_id=outgoing["request_id"]
    )
    return [gateway, order, outgoing, incoming]


async def order_with_deadline(mesh: Mesh, shop: Shop) -> tuple[list[float], list[timedelta]]:
    """Place an order that exceeds its deadline.

    Return the seconds until the caller, each hop and the server stopped, and the duration of each hop.
    """
    stopwatch, since = Stopwatch(), datetime.now(UTC) - LOG_PRECISION
    outcome = await outcome_of(shop.place(shop.order_request()))
    waited = stopwatch.elapsed()
    assert outcome.startswith(("DEADLINE_EXCEEDED", "UNAVAILABLE upstream request timeout"))
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            records = await hops(mesh, since)
            handled = await last_log_record(mesh, "orders", "app", since, method=PLACE)
    # Orders sees the end of its call to catalog and the cancellation by its caller at the same time.
    assert handled["code"] in {"CANCELLED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
    durations = [timedelta(milliseconds=record["duration"]) for record in records]
    starts = [datetime.fromisoformat(record["start_time"]) for record in records]
    ends = [start + each for start, each in zip(starts, durations, strict=True)]
    ends.append(datetime.fromisoformat(handled["time"]))
    return [float(waited), *((end - starts[0]).total_seconds() for end in ends)], durations


@pytest.mark.timing
async def test_a_deadline_stops_every_hop(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    token = await mesh.token()
    async with scenario.run_readme(), dial(mesh.gateway, token=token) as channel:
        with_deadline = Shop(channel, timeout=DEADLINE_SECONDS)
        async for attempt in eventually(15):
            with attempt:
                stopwatch = Stopwatch()
                await shop.place_order()
                assert stopwatch.elapsed() >= DELAY_SECONDS, "without a deadline the order succeeds"
        before = (await shop.list_orders()).orders[0]  # the newest
        async for attempt in eventually(60):
            stopped, durations = await order_with_deadline(mesh, with_deadline)
            with attempt:  # a busy machine may delay a hop by more than a tenth of a second
                assert stopped == pytest.approx([DEADLINE_SECONDS] * 6, rel=0.1)
                # The remaining time shrinks from hop to hop, except for the rounding in logs.
                assert all(inner <= outer + timedelta(milliseconds=5) for outer, inner in pairwise(durations)), (
                    durations
                )
    assert (await shop.list_orders()).orders[0] == before, "the cancelled order was not placed"
    figures = ", ".join(
        f"{name} {each / timedelta(seconds=1):.3f} s" for name, each in zip(HOPS, durations, strict=True)
    )
    scenario.record_result(f"a deadline of {DEADLINE_SECONDS:.0f} s, within 10 %, stops the work at every hop", figures)
