"""Traces and logs of orders: one trace from the gateway to the consumers, and one story in the logs of all services."""

from collections import Counter

import pytest

from mesh.local.clients import signals
from mesh.local.clients.signals import Span
from mesh.local.instance import Instance, existing
from mesh.local.pages import Page, url
from tests.mesh.calls import Shop
from tests.mesh.harness import MESH, Mesh
from tests.support.clock import eventually

CALLS = 7
"""BatchGetProducts, QuoteShipping, ReserveStock, AuthorizePayment, BookShipment, CapturePayment, CommitReservation."""
EVENTS, CONSUMERS = 2, 3
"""OrderPlaced and OrderConfirmed; inventory, notifications and analytics."""
SPANS = {
    ("gateway", "SERVER"): 1,
    ("gateway", "CLIENT"): 1,
    # PlaceOrder itself, and its calls.
    ("proxy", "SERVER"): 1 + CALLS,
    ("proxy", "CLIENT"): CALLS,
    ("app", "SERVER"): 1 + CALLS,
    ("app", "CLIENT"): CALLS,
    ("app", "PRODUCER"): EVENTS,
    ("app", "CONSUMER"): EVENTS * CONSUMERS,
}


@pytest.fixture(autouse=True)
async def stores(mesh: Mesh) -> None:
    """Wait for the stores and their pages, for which `mesh up` does not wait."""
    await mesh.wait_for_rollout("observability")


def instance(mesh: Mesh) -> Instance:
    found = existing(mesh.name)
    assert found
    return found


def source(span: Span) -> str:
    if span.service == "shop-gateway":
        return "gateway"
    return "proxy" if span.is_proxy else "app"


def count(spans: list[Span]) -> Counter[tuple[str, str]]:
    return Counter((source(span), span.kind) for span in spans)


async def trace_of(mesh: Mesh, order: str) -> list[Span]:
    """Wait until all spans of the order have arrived, and return them."""
    async for attempt in eventually(30):
        with attempt:
            traces = signals.traces_of_order(instance(mesh), order)
            assert len(traces) == 1
            spans = signals.find_trace(instance(mesh), traces[0])
            assert count(spans) == SPANS
    return spans


async def test_an_order_is_one_trace_from_the_gateway_to_the_consumers_of_its_events(mesh: Mesh, shop: Shop) -> None:
    spans = await trace_of(mesh, (await shop.place(shop.order_request())).name)
    ids = {span.id for span in spans}
    roots = [span for span in spans if span.parent not in ids]
    assert [(source(span), span.parent) for span in roots] == [("gateway", "")]
    consumers = {span.service for span in spans if span.kind == "CONSUMER"}
    assert consumers == {"inventory", "notifications", "analytics"}


async def test_the_trace_and_the_logs_of_an_order_are_shown_in_the_terminal(mesh: Mesh, shop: Shop) -> None:
    order = (await shop.place(shop.order_request())).name
    await trace_of(mesh, order)
    drawn = await mesh.run(MESH, "trace", "-i", mesh.name, order)
    assert drawn.returncode == 0, drawn.stderr
    for words in ("shop-gateway (proxy)", "→ InventoryService/ReserveStock", "send shop.orders.v1.events"):
        assert words in drawn.stdout

    logs = await mesh.run(MESH, "logs", "-i", mesh.name, "--order", order)
    assert logs.returncode == 0, logs.stderr
    lines = logs.stdout.splitlines()
    times = [line.partition(" ")[0] for line in lines]
    assert times == sorted(times)
    for words in ("shop-gateway (proxy)", "order CONFIRMED", "CommitReservation OK"):
        assert words in logs.stdout


@pytest.mark.parametrize("command", [["trace"], ["logs", "--order"]])
async def test_an_order_that_does_not_exist_is_named_in_the_error(mesh: Mesh, command: list[str]) -> None:
    run = await mesh.run(MESH, *command, "orders/none", "-i", mesh.name)
    assert run.returncode == 2
    assert "orders/none" in run.stderr


@pytest.mark.parametrize(
    "words", [[], ["orders", "--order", "orders/none"], ["--trace", "1", "--order", "orders/none"]]
)
async def test_logs_are_those_of_one_workload_one_trace_or_one_order(mesh: Mesh, words: list[str]) -> None:
    run = await mesh.run(MESH, "logs", "-i", mesh.name, *words)
    assert run.returncode == 2
    assert "name a workload, or give --trace or --order" in run.stderr


async def test_every_page_is_served_on_the_node_only(mesh: Mesh) -> None:
    run = await mesh.run(MESH, "dashboard", "-i", mesh.name)
    assert run.returncode == 0, run.stderr
    printed = dict(line.split() for line in run.stdout.splitlines())
    assert printed == {page.value: url(instance(mesh), page) for page in Page}
    assert {address.split("/")[2].split(":")[0] for address in printed.values()} == {instance(mesh).node_ip}
