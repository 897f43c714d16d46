"""Orders that cannot be undone are parked: an operator sees them, repairs the cause, and resumes them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import grpc
import grpc.aio
import pytest

from shop.orders.v1 import orders_pb2 as pb
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.databases import query
from tests.support.errors import refused
from tests.support.metrics import value
from tests.support.processes import Process, records, targets
from tests.support.shop import PENDING, REJECTED, Shop, cart, new_id
from tests.support.starters import Shared, Start

CALLEES = ("catalog", "inventory", "payments", "shipping")
Parking = pb.Order.Parking


@dataclass(frozen=True)
class Parked:
    """A parked order. The test has changed its reservation in the orders database, so inventory does not know it."""

    shop: Shop
    orders: Process
    order: pb.Order
    reservation: str
    stock_before: tuple[int, int]

    def repair(self) -> None:
        """Restore the name of the reservation."""
        _set_reservation(self.orders, self.order.name, self.reservation)


@pytest.fixture
async def parked(start: Start, shared: Shared) -> AsyncIterator[Parked]:
    callees = {name: shared(name) for name in CALLEES}
    env, customer = targets(*callees.values()), f"customers/{new_id()}"
    orders = start("fast_recovery_orders", env)
    shop = Shop(orders, *(callees[name] for name in ("inventory", "payments", "shipping")))
    before = await shop.stock("p-0147")
    callees["payments"].signal(signal.SIGSTOP)
    try:
        call = shop.stub.PlaceOrder(cart(customer=customer, p_0147=1))
        async for attempt in eventually(retry=Exception):
            with attempt:
                (order,) = await shop.orders(customer)
                reservation = _reservation(callees["inventory"], order.name)
        orders.signal(signal.SIGKILL)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        orders.wait()
    finally:
        callees["payments"].signal(signal.SIGCONT)
    _set_reservation(orders, order.name, f"reservations/{new_id()}")
    restarted = start("fast_recovery_orders", env)
    async for attempt in eventually():
        with attempt:
            order = await shop.order(order.name)
            assert order.HasField("parking")
    yield Parked(shop, restarted, order, reservation, before)
    await shop.close()


def _reservation(inventory: Process, order: str) -> str:
    """Return the name of the reservation for an order. Raises ValueError if there is none yet."""
    [(reservation,)] = query(
        inventory.database_url, "SELECT id FROM reservations WHERE reference = :order", order=order
    )
    return f"reservations/{reservation}"


def _set_reservation(orders: Process, name: str, reservation: str) -> None:
    statement = "UPDATE orders SET reservation = :reservation WHERE id = :id"
    query(orders.database_url, statement, reservation=reservation, id=name.partition("/")[2])


async def _wait_for_parked(orders: Process, number: int) -> None:
    """Wait until the metrics of orders have this number of parked orders."""
    async for attempt in eventually():
        with attempt:
            assert await asyncio.to_thread(value, orders, "shop_orders_parked", reason="REFUSED") == number


async def test_an_order_whose_reservation_is_unknown_is_parked_listed_and_resumed(parked: Parked) -> None:
    shop, order = parked.shop, parked.order
    assert order.state == PENDING
    assert (order.parking.call, order.parking.reason) == (Parking.CALL_RELEASE, Parking.REASON_REFUSED)
    assert order.parking.park_time.ToDatetime() >= order.create_time.ToDatetime()
    assert set(shop.payment_states(order.name)) <= {"VOIDED"}, "the other steps are undone"
    (record,) = await records(parked.orders, level="ERROR", order=order.name.partition("/")[2])
    assert (record["call"], record["reason"]) == ("RELEASE", "REFUSED")
    assert await asyncio.to_thread(value, parked.orders, "shop_saga_undo_failures_total", call="RELEASE") == 1
    assert (await asyncio.to_thread(value, parked.orders, "shop_saga_recoveries_total") or 0) >= 1
    await _wait_for_parked(parked.orders, 1)

    request = pb.ListOrdersRequest(customer="customers/-", parked_only=True)
    assert list((await shop.stub.ListOrders(request)).orders) == [order]

    not_repaired = (await shop.stub.ResumeOrder(pb.ResumeOrderRequest(request_id=new_id(), name=order.name))).order
    assert not_repaired.parking.park_time.ToDatetime() > order.parking.park_time.ToDatetime(), "parked again"
    parked.repair()
    resume = pb.ResumeOrderRequest(request_id=new_id(), name=order.name)
    resumed = (await shop.stub.ResumeOrder(resume)).order
    assert (resumed.state, resumed.HasField("parking")) == (REJECTED, False)
    assert resumed.rejection_reason == pb.Order.REJECTION_REASON_DEPENDENCY_FAILED
    assert await shop.stock("p-0147") == parked.stock_before
    assert (await shop.stub.ResumeOrder(resume)).order == resumed
    assert list((await shop.stub.ListOrders(request)).orders) == []
    await _wait_for_parked(parked.orders, 0)


async def test_an_operator_resumes_a_parked_order(parked: Parked) -> None:
    parked.repair()
    command = [sys.executable, "-m", "services.operator", "resume", parked.order.name]
    env = {**os.environ, "ORDERS_TARGET": parked.orders.target, "PYTHONPATH": str(ROOT)}
    run = await asyncio.to_thread(
        partial(subprocess.run, command, env=env, capture_output=True, text=True, timeout=60, check=False)
    )
    assert (run.returncode, "STATE_REJECTED" in run.stdout) == (0, True), run.stderr
    assert (await parked.shop.order(parked.order.name)).state == REJECTED
    assert await parked.shop.stock("p-0147") == parked.stock_before


async def test_an_order_that_is_not_parked_cannot_be_resumed(shared: Shared) -> None:
    shop = Shop(*map(shared, ("orders", "inventory", "payments", "shipping")))
    order = await shop.place(cart(p_0148=1))
    for name, code, reason in (
        (order.name, grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PARKED"),
        (f"orders/{new_id()}", grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"),
    ):
        error = await refused(shop.stub.ResumeOrder(pb.ResumeOrderRequest(request_id=new_id(), name=name)))
        assert (error.code, error.reason) == (code, reason)
    error = await refused(shop.stub.ResumeOrder(pb.ResumeOrderRequest(name="ada")))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["request_id", "name"])
    assert await shop.order(order.name) == order
    await shop.close()


async def test_all_customers_orders_are_listed_and_a_page_token_is_for_one_list(shared: Shared) -> None:
    shop = Shop(*map(shared, ("orders", "inventory", "payments", "shipping")))
    placed = [await shop.place(cart(customer=f"customers/{new_id()}", p_0148=1)) for _ in range(3)]
    page = await shop.stub.ListOrders(pb.ListOrdersRequest(customer="customers/-", page_size=2))
    assert list(page.orders) == placed[:0:-1]
    next_page = pb.ListOrdersRequest(customer="customers/-", page_size=1, page_token=page.next_page_token)
    assert list((await shop.stub.ListOrders(next_page)).orders) == placed[:1]
    for other in (
        pb.ListOrdersRequest(customer="customers/ada", page_token=page.next_page_token),
        pb.ListOrdersRequest(customer="customers/-", page_token=page.next_page_token, parked_only=True),
    ):
        assert (await refused(shop.stub.ListOrders(other))).fields == ["page_token"]
    await shop.close()
