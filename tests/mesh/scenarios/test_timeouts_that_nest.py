"""timeouts-that-nest: every hop knows how long its caller still waits, and stops when that is over."""

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.scenarios.scenario import Scenario

DEADLINE, SLOW = 1.0, 1.5
PLACE = "/shop.orders.v1.OrdersService/PlaceOrder"
PRICES = "/shop.catalog.v1.CatalogService/BatchGetProducts"
ROUNDED = timedelta(milliseconds=2)  # logs cut microseconds off
HOPS = ("gateway", "into orders", "out of orders", "into catalog")


async def logged(mesh: Mesh, workload: str, container: str, since: datetime, **wanted: object) -> dict[str, Any]:
    """Answer the last line of a container's log of what began or was told since then, and has these fields."""
    namespace = "istio-ingress" if workload == "ingressgateway" else "shop"
    words = ["logs", "-n", namespace, f"deployment/{workload}", "-c", container, "--tail=500"]
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (await mesh.kubectl(*words)).splitlines() if line.startswith("{")
    ]
    fresh = [line for line in lines if datetime.fromisoformat(line.get("start_time") or line["time"]) >= since]
    found = [line for line in fresh if wanted.items() <= line.items()]
    assert found, f"{workload}'s {container} has logged no such call yet: {wanted}"
    return found[-1]


async def hops(mesh: Mesh, since: datetime) -> list[dict[str, Any]]:
    """Answer what each proxy on the way logged of the order that was given up, from the outside in."""
    door = await logged(mesh, "ingressgateway", "istio-proxy", since, path=PLACE)
    order = await logged(mesh, "orders", "istio-proxy", since, path=PLACE, request_id=door["request_id"])
    asking = await logged(mesh, "orders", "istio-proxy", since, path=PRICES)
    asked = await logged(mesh, "catalog", "istio-proxy", since, path=PRICES, request_id=asking["request_id"])
    return [door, order, asking, asked]


async def give_up(mesh: Mesh, hasty: Shop) -> tuple[list[float], list[timedelta]]:
    """Have a caller order who does not wait; answer when everybody stopped, in seconds, and what each hop took."""
    began, since = time.monotonic(), datetime.now(UTC) - ROUNDED
    outcome = await outcome_of(hasty.place(hasty.order_request()))
    waited = time.monotonic() - began
    assert outcome.startswith(("DEADLINE_EXCEEDED", "UNAVAILABLE upstream request timeout"))
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            found = await hops(mesh, since)
            handled = await logged(mesh, "orders", "app", since, method=PLACE)
    # The end of its own call to catalog and that of its caller's come to orders at the same time.
    assert handled["code"] in {"CANCELLED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
    lasted = [timedelta(milliseconds=hop["duration"]) for hop in found]
    starts = [datetime.fromisoformat(hop["start_time"]) for hop in found]
    ends = [start + each for start, each in zip(starts, lasted, strict=True)]
    ends.append(datetime.fromisoformat(handled["time"]))
    return [waited, *((end - starts[0]).total_seconds() for end in ends)], lasted


@pytest.mark.timing
async def test_a_deadline_is_felt_on_every_hop(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    token = await mesh.token()
    async with scenario.run_readme(), dial(mesh.gateway, token=token) as channel:
        hasty = Shop(channel, timeout=DEADLINE)
        async for attempt in eventually(15):
            with attempt:
                began = time.monotonic()
                await shop.place_order()
                assert time.monotonic() - began >= SLOW, "who waits longer is served"
        before = (await shop.list_orders()).orders[0]  # the newest
        async for attempt in eventually(60):
            stopped, lasted = await give_up(mesh, hasty)
            with attempt:  # a machine with much to do may let somebody wait for a tenth of a second
                assert stopped == pytest.approx([DEADLINE] * 6, rel=0.1)
                # What is left shrinks from hop to hop, but for the milliseconds to which logs round.
                assert all(inner <= outer + timedelta(milliseconds=5) for outer, inner in pairwise(lasted)), lasted
    assert (await shop.list_orders()).orders[0] == before, "what nobody waits for any more is not done"
    told = ", ".join(f"{name} {each / timedelta(seconds=1):.3f} s" for name, each in zip(HOPS, lasted, strict=True))
    scenario.record_result(f"a deadline of {DEADLINE:.0f} s, within 10 %, ends the work of every hop", told)
