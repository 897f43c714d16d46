"""Callers leave, callees fail and processes die: each order still ends, and holds nothing that it did not buy."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shop.orders.v1 import orders_pb2 as pb
from tests.services.collector import Collector, collect_spans
from tests.support import sockets
from tests.support.clock import eventually
from tests.support.errors import refused
from tests.support.processes import Process, targets
from tests.support.shop import (
    BERLIN,
    CANCELLED,
    CANCELLING,
    CONFIRMED,
    PENDING,
    REJECTED,
    Shop,
    cart,
    new_id,
)
from tests.support.starters import Shared, Start

CALLEES = ("catalog", "inventory", "payments", "shipping")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collect_spans() as started:
        yield started


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """Freeze a process during the block: calls reach it, and get no reply until it continues."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


@asynccontextmanager
async def opened(orders: Process, callees: dict[str, Process]) -> AsyncIterator[Shop]:
    shop = Shop(orders, *(callees[name] for name in ("inventory", "payments", "shipping")))
    yield shop
    await shop.close()


async def pending(shop: Shop, customer: str, product: str, before: tuple[int, int]) -> pb.Order:
    """Wait until the customer's order has reserved a piece of the product, and return the order."""
    async for attempt in eventually():
        with attempt:
            assert (await shop.stock(product))[1] > before[1]
    (order,) = await shop.orders(customer)
    assert order.state == PENDING
    return order


@pytest.fixture
def callees(shared: Shared) -> dict[str, Process]:
    return {name: shared(name) for name in CALLEES}


@pytest.mark.parametrize("missing", ["catalog", "shipping"])
async def test_without_prices_nothing_is_stored_and_the_call_can_be_repeated(
    start: Start, callees: dict[str, Process], tmp_path: Path, missing: str
) -> None:
    env = {**targets(*callees.values()), f"{missing.upper()}_TARGET": sockets.address(tmp_path / missing)}
    async with opened(start("orders", env), callees) as shop:
        before = await shop.stock("p-0140")
        request = cart(to=BERLIN, p_0140=1)
        error = await refused(shop.stub.PlaceOrder(request))
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, f"{missing.upper()}_UNAVAILABLE")
        assert await shop.orders("customers/ada") == []
        assert await shop.stock("p-0140") == before
        start(missing)
        async for attempt in eventually(retry=Exception):
            with attempt:
                assert (await shop.place(request)).state == CONFIRMED


@pytest.mark.parametrize("missing", ["inventory", "payments"])
async def test_an_order_is_undone_when_its_missing_callee_starts(
    start: Start, callees: dict[str, Process], collector: Collector, tmp_path: Path, missing: str
) -> None:
    """Start a callee only after the order: until then its effect is unknown, and the order stays PENDING."""
    env = {**targets(*callees.values()), f"{missing.upper()}_TARGET": sockets.address(tmp_path / missing)}
    orders = start("fast_recovery_orders", env | collector.environment)
    async with opened(orders, callees) as shop:
        before = await shop.stock("p-0141")
        order = await shop.place(cart(p_0141=1))
        assert (order.state, order.rejection_reason) == (PENDING, 0)
        assert await shop.stock("p-0141") == before

        all_callees = {**callees, missing: start(missing)}
        async with opened(orders, all_callees) as whole:
            untouched = (await whole.stock("p-0141"))[1]
            ended = await whole.ended(order.name)
            assert (ended.state, ended.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_DEPENDENCY_FAILED)
            assert missing in ended.rejection_message
            assert (await whole.stock("p-0141"))[1] == untouched == 0
            assert set(whole.payment_states(order.name)) <= {"VOIDED"}
        assert await shop.stock("p-0141") == before
    await wait_for_traces_of_recovery(collector)


async def wait_for_traces_of_recovery(collector: Collector) -> None:
    """Wait until some are exported: the recovery of an order, with the calls that it makes below it."""
    async for attempt in eventually():
        with attempt:
            recoveries = [span for span in collector.spans if span.name == "recover order"]
            assert recoveries
            assert all((span.kind, span.parent_span_id) == (Span.SPAN_KIND_INTERNAL, b"") for span in recoveries)
            for recovery in recoveries:
                calls = [span for span in collector.trace(recovery.trace_id.hex()) if span != recovery]
                assert calls
                assert {span.parent_span_id for span in calls} == {recovery.span_id}


async def test_an_order_is_undone_when_shipping_restarts_after_it_died_midway(
    start: Start, callees: dict[str, Process]
) -> None:
    shipping, customer = start("shipping"), f"customers/{new_id()}"
    own_callees = {**callees, "shipping": shipping}
    orders = start("fast_recovery_orders", targets(*own_callees.values()))
    async with opened(orders, own_callees) as shop:
        before = await shop.stock("p-0145")
        with frozen(callees["payments"]):
            call = shop.stub.PlaceOrder(cart(customer=customer, to=BERLIN, p_0145=1))
            order = await pending(shop, customer, "p-0145", before)
            # Kill it: a graceful stop may take longer than recovery waits before it takes the order over.
            shipping.popen.kill()
            shipping.wait()
        placed = (await call).order
        assert (placed.state, placed.shipment) == (PENDING, "")
        assert await shop.stock("p-0145") == before
        assert shop.payment_states(order.name) == ["VOIDED"], "the other steps are undone"

        start("shipping")
        ended = await shop.ended(order.name)
        assert (ended.state, ended.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_DEPENDENCY_FAILED)
        assert "shipping" in ended.rejection_message
        assert shop.payment_states(order.name) == ["VOIDED"]
        assert set(shop.shipment_states(order.name)) <= {"CANCELLED"}


async def test_a_cancellation_continues_after_orders_was_killed_and_the_callee_restarts(
    start: Start, callees: dict[str, Process]
) -> None:
    own_callees = {**callees, "payments": start("payments")}
    orders = start("fast_recovery_orders", targets(*own_callees.values()))
    async with opened(orders, own_callees) as shop:
        before = await shop.stock("p-0146")
        order = await shop.place(cart(to=BERLIN, p_0146=1))
        assert order.state == CONFIRMED
        own_callees["payments"].stop()
        assert (await shop.cancel(order.name)).state == CANCELLING
        assert shop.shipment_states(order.name) == ["CANCELLED"]
        orders.signal(signal.SIGKILL)
        orders.wait()
    start("payments")
    async with opened(start("fast_recovery_orders", targets(*own_callees.values())), own_callees) as shop:
        assert (await shop.ended(order.name)).state == CANCELLED
        assert await shop.stock("p-0146") == before
        assert shop.payment_states(order.name) == ["REFUNDED"]


async def assert_confirmed(shop: Shop, order: pb.Order, before: tuple[int, int]) -> None:
    """Assert that an order is confirmed in the end, with its stock, money and shipment.

    `before` is the stock of p-0142 without the order.
    """
    assert (await shop.ended(order.name)).state == CONFIRMED
    assert await shop.stock("p-0142") == (before[0] - 1, before[1])
    assert shop.payment_states(order.name) == ["CAPTURED"]
    assert shop.shipment_states(order.name) == ["BOOKED"]


async def test_an_order_continues_when_its_caller_leaves(shared: Shared, callees: dict[str, Process]) -> None:
    async with opened(shared("orders"), callees) as shop:
        before, customer = await shop.stock("p-0142"), f"customers/{new_id()}"
        request = cart(customer=customer, to=BERLIN, p_0142=1)
        with frozen(callees["payments"]):
            call = shop.stub.PlaceOrder(request)
            order = await pending(shop, customer, "p-0142", before)
            call.cancel()
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await call
            assert (await shop.place(request)).state == PENDING
        await assert_confirmed(shop, order, before)


@pytest.mark.prove
@pytest.mark.timing
async def test_an_order_is_returned_before_the_callers_deadline_and_continues(
    shared: Shared, callees: dict[str, Process]
) -> None:
    async with opened(shared("orders"), callees) as shop:
        before, customer = await shop.stock("p-0142"), f"customers/{new_id()}"
        request = cart(customer=customer, to=BERLIN, p_0142=1)
        with frozen(callees["payments"]):
            call = shop.stub.PlaceOrder(request, timeout=3)
            order = await pending(shop, customer, "p-0142", before)
            assert await shop.order(order.name) == (await call).order, "before the deadline, and PENDING"
            assert (await shop.place(request, timeout=1)).state == PENDING
        await assert_confirmed(shop, order, before)


async def test_a_stopping_process_finishes_its_orders(start: Start, callees: dict[str, Process]) -> None:
    env, customer = targets(*callees.values()), f"customers/{new_id()}"
    first = start("orders", env)
    async with opened(first, callees) as shop:
        before = await shop.stock("p-0143")
        with frozen(callees["payments"]):
            call = shop.stub.PlaceOrder(cart(customer=customer, to=BERLIN, p_0143=1))
            order = await pending(shop, customer, "p-0143", before)
            call.cancel()
            first.signal()
            async for attempt in eventually():
                with attempt:
                    assert first.get("/ready") == 503
        assert first.wait() == 0
    async with opened(start("orders", env), callees) as shop:
        assert (await shop.order(order.name)).state == CONFIRMED
        assert shop.payment_states(order.name) == ["CAPTURED"]
        assert shop.shipment_states(order.name) == ["BOOKED"]


async def test_the_orders_of_a_killed_process_are_undone_after_its_restart(
    start: Start, callees: dict[str, Process]
) -> None:
    env, customer = targets(*callees.values()), f"customers/{new_id()}"
    first = start("fast_recovery_orders", env)
    async with opened(first, callees) as shop:
        before = await shop.stock("p-0144")
        with frozen(callees["payments"]):
            request = cart(customer=customer, to=BERLIN, p_0144=1)
            call = shop.stub.PlaceOrder(request)
            order = await pending(shop, customer, "p-0144", before)
            first.signal(signal.SIGKILL)
            with pytest.raises(grpc.aio.AioRpcError):
                await call
            first.wait()
    async with opened(start("fast_recovery_orders", env), callees) as shop:
        ended = await shop.ended(order.name)
        assert (ended.state, ended.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_DEPENDENCY_FAILED)
        assert await shop.place(request) == ended
        assert await shop.stock("p-0144") == before
        assert set(shop.payment_states(order.name)) <= {"VOIDED"}
        assert set(shop.shipment_states(order.name)) <= {"CANCELLED"}
