"""An order is watched through the gateway, over a rollout of orders itself."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from tests.conftest import Measured
from tests.mesh.calls import well_stocked_products
from tests.mesh.harness import Mesh, dial, eventually

Stub = orders_pb2_grpc.OrdersServiceStub


@pytest.fixture
async def orders(mesh: Mesh) -> AsyncIterator[Stub]:
    channel = dial(mesh.gateway, token=await mesh.token())
    yield Stub(channel)
    await channel.close()


@pytest.fixture
async def without_payments(mesh: Mesh) -> AsyncIterator[None]:
    """Take payments away: an order that comes so far stays under way."""
    async with mesh.scaled("deployment/payments", 0):
        yield


class Watcher:
    """Watches an order until its end; when a stream ends before, it watches again from there on."""

    def __init__(self, orders: Stub, name: str) -> None:
        self._orders, self._name = orders, name
        self.told: list[pb.Order] = []
        self.broken: list[str] = []

    async def watch(self) -> None:
        """Watch until the order has ended. Raises AioRpcError if a stream ends otherwise than the contract says."""
        token = ""
        while True:
            try:
                request = pb.WatchOrderRequest(name=self._name, resume_token=token)
                async for response in self._orders.WatchOrder(request, timeout=240):
                    token = response.resume_token
                    self.told.append(response.order)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.broken.append(str(error.details()))
            else:
                return


async def placed(orders: Stub, deadline: float = 30) -> pb.Order:
    """Place an order over one piece, which is collected."""
    request = pb.PlaceOrderRequest(
        request_id=str(uuid.uuid4()),
        customer="customers/me",
        items=[pb.PlaceOrderItem(product=well_stocked_products()[0], quantity=1)],
        payment_token="tok_visa",  # noqa: S106 - stands for no card
    )
    return (await orders.PlaceOrder(request, timeout=deadline)).order


@pytest.mark.prove
@pytest.mark.usefixtures("without_payments")
async def test_a_watched_order_is_told_to_its_end_over_a_rollout_of_orders(
    mesh: Mesh, orders: Stub, measured: Measured
) -> None:
    order = await placed(orders)
    assert order.state == pb.Order.STATE_PENDING
    watcher = Watcher(orders, order.name)
    watching = asyncio.create_task(watcher.watch())
    async for attempt in eventually(10):
        with attempt:
            assert watcher.told == [order]
    old = await mesh.pod("orders")
    began = time.monotonic()
    await mesh.restart("orders")
    seconds = time.monotonic() - began
    assert old["metadata"]["name"] not in [pod["metadata"]["name"] for pod in await mesh.pods("orders")]
    assert not watching.done()
    assert watcher.told == [order], "what was seen is not told again"
    await mesh.kubectl("scale", "-n", "shop", "deployment/payments", "--replicas=1")
    await asyncio.wait_for(watching, 90)
    assert [told.state for told in watcher.told] == [pb.Order.STATE_PENDING, pb.Order.STATE_REJECTED]
    assert len(watcher.broken) == 1
    measured(
        f"orders rolled out under a watch, its old Pod gone, in {seconds:.1f} s; the stream ended: {watcher.broken}"
    )


@pytest.mark.prove
@pytest.mark.usefixtures("without_payments")
async def test_many_who_watch_take_no_place_from_those_who_buy(orders: Stub) -> None:
    """More streams than the calls that may be in flight to orders (destination-defaults.yaml)."""
    order = await placed(orders)
    streams = [aiter(orders.WatchOrder(pb.WatchOrderRequest(name=order.name), timeout=60)) for _ in range(300)]
    assert {(await anext(stream)).order.name for stream in streams} == {order.name}
    for _ in range(20):
        assert (await placed(orders)).state == pb.Order.STATE_PENDING


@pytest.mark.parametrize(
    "deadline",
    [
        pytest.param(30, id="by default"),
        pytest.param(2, id="within two seconds", marks=[pytest.mark.prove, pytest.mark.timing]),
    ],
)
async def test_an_order_is_answered_in_its_callers_time_and_goes_on(mesh: Mesh, orders: Stub, deadline: float) -> None:
    (payments,) = mesh.processes("python", (await mesh.pod("payments"))["metadata"]["uid"])
    payments.suspend()
    try:
        order = await placed(orders, deadline)
    finally:
        payments.resume()
    assert order.state == pb.Order.STATE_PENDING
    watcher = Watcher(orders, order.name)
    await asyncio.wait_for(watcher.watch(), 60)
    assert watcher.told[-1].state in {pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED}


async def test_an_order_that_has_ended_is_watched_to_its_end_at_once(orders: Stub) -> None:
    order = await placed(orders)
    assert order.state == pb.Order.STATE_CONFIRMED
    watcher = Watcher(orders, order.name)
    await asyncio.wait_for(watcher.watch(), 10)
    assert (watcher.told, watcher.broken) == ([order], [])
