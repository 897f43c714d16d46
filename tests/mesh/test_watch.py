"""An order can be watched through the gateway, even during a rollout of orders."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest

from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from tests.mesh.calls import well_stocked_products
from tests.mesh.harness import Mesh, dial
from tests.mesh.signer import Signer
from tests.support.clock import Stopwatch, eventually
from tests.support.report import Measured

Stub = orders_pb2_grpc.OrdersServiceStub
AsyncStub: TypeAlias = "orders_pb2_grpc.OrdersServiceAsyncStub"
MAX_WATCHES = 20


@pytest.fixture
async def orders(mesh: Mesh) -> AsyncIterator[AsyncStub]:
    channel = dial(mesh.gateway, token=await mesh.token())
    yield Stub(channel)
    await channel.close()


@pytest.fixture
async def without_payments(mesh: Mesh) -> AsyncIterator[None]:
    """Scale payments to 0, so that orders stay PENDING."""
    async with mesh.scaled("deployment/payments", 0):
        yield


class Watcher:
    """Watches an order until its final state. When a stream breaks, it resumes from the last message."""

    def __init__(self, orders: AsyncStub, name: str) -> None:
        self._orders, self._name = orders, name
        self.updates: list[pb.Order] = []
        self.stream_errors: list[str] = []

    async def watch(self) -> None:
        """Watch until the final state. Raises AioRpcError for errors other than UNAVAILABLE."""
        token = ""
        while True:
            try:
                request = pb.WatchOrderRequest(name=self._name, resume_token=token)
                async for response in self._orders.WatchOrder(request, timeout=240):
                    token = response.resume_token
                    self.updates.append(response.order)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.stream_errors.append(str(error.details()))
            else:
                return


async def place_order(orders: AsyncStub, deadline: float = 30) -> pb.Order:
    """Place an order for one piece without a shipping address."""
    request = pb.PlaceOrderRequest(
        request_id=str(uuid.uuid4()),
        customer="customers/me",
        items=[pb.PlaceOrderItem(product=well_stocked_products()[0], quantity=1)],
        payment_token="tok_visa",  # noqa: S106 - not a real card
    )
    return (await orders.PlaceOrder(request, timeout=deadline)).order


@pytest.mark.prove
@pytest.mark.usefixtures("without_payments")
async def test_an_order_is_watched_to_its_final_state_during_a_rollout_of_orders(
    mesh: Mesh, orders: AsyncStub, measured: Measured
) -> None:
    order = await place_order(orders)
    assert order.state == pb.Order.STATE_PENDING
    watcher = Watcher(orders, order.name)
    watching = asyncio.create_task(watcher.watch())
    async for attempt in eventually(10):
        with attempt:
            assert watcher.updates == [order]
    old = await mesh.pod("orders")
    stopwatch = Stopwatch()
    await mesh.restart("orders")
    seconds = stopwatch.elapsed()
    assert old["metadata"]["name"] not in [pod["metadata"]["name"] for pod in await mesh.pods("orders")]
    assert not watching.done()
    assert watcher.updates == [order], "an update is not repeated"
    await mesh.kubectl("scale", "-n", "shop", "deployment/payments", "--replicas=1")
    await asyncio.wait_for(watching, 90)
    assert [update.state for update in watcher.updates] == [pb.Order.STATE_PENDING, pb.Order.STATE_REJECTED]
    assert len(watcher.stream_errors) == 1
    measured(f"rollout of orders during a watch took {seconds:.1f} s; the stream ended: {watcher.stream_errors}")


@pytest.mark.prove
@pytest.mark.usefixtures("without_payments")
async def test_many_watches_do_not_block_new_orders(mesh: Mesh, orders: AsyncStub) -> None:
    """Test more streams than the calls that may be in flight to orders, of as many users as that takes."""
    streams: list[Any] = []
    async with AsyncExitStack() as stack:
        for user in range(15):
            watchers = await stub_of(mesh, f"users/watcher-{user}", stack)
            order = await place_order(watchers)
            streams += [watch(watchers, order) for _ in range(MAX_WATCHES)]
            assert (await first(streams[-1])).order.name == order.name
        for _ in range(20):
            assert (await place_order(orders)).state == pb.Order.STATE_PENDING


@pytest.mark.usefixtures("without_payments")
async def test_one_user_cannot_take_the_places_of_others(mesh: Mesh, orders: AsyncStub) -> None:
    """Without a limit for each user, one with 1024 streams took every place of the gateway."""
    order = await place_order(orders)
    streams = [watch(orders, order) for _ in range(MAX_WATCHES)]
    assert {(await first(stream)).order.name for stream in streams} == {order.name}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await first(watch(orders, order))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == f"you have {MAX_WATCHES} open watches: end one first"
    async with AsyncExitStack() as stack:
        others = await stub_of(mesh, "users/other", stack)
        theirs = await place_order(others)
        assert (await first(watch(others, theirs))).order == theirs
    streams.pop().cancel()
    async for attempt in eventually(10, retry=grpc.aio.AioRpcError):
        with attempt:
            assert (await first(watch(orders, order))).order.name == order.name


def watch(orders: AsyncStub, order: pb.Order) -> Any:  # noqa: ANN401 - grpc.aio does not export the type of the call
    """Open a stream. It is open until `cancel`."""
    return orders.WatchOrder(pb.WatchOrderRequest(name=order.name), timeout=60)


async def first(stream: Any) -> pb.WatchOrderResponse:  # noqa: ANN401 - the same
    response: pb.WatchOrderResponse = await anext(aiter(stream))
    return response


async def stub_of(mesh: Mesh, user: str, stack: AsyncExitStack) -> AsyncStub:
    """Return a stub with the token of a user and a separate connection. The stack closes its channel."""
    # Channels with the same options would share a connection.
    channel = dial(mesh.gateway, token=Signer.of(mesh.home).token(sub=user), user_agent=user)
    return Stub(await stack.enter_async_context(channel))


@pytest.mark.parametrize(
    "deadline",
    [
        pytest.param(30, id="by default"),
        pytest.param(2, id="within two seconds", marks=[pytest.mark.prove, pytest.mark.timing]),
    ],
)
async def test_a_response_comes_before_the_deadline_and_the_order_continues(
    mesh: Mesh, orders: AsyncStub, deadline: float
) -> None:
    (payments,) = mesh.processes("python", (await mesh.pod("payments"))["metadata"]["uid"])
    payments.suspend()
    try:
        order = await place_order(orders, deadline)
    finally:
        payments.resume()
    assert order.state == pb.Order.STATE_PENDING
    watcher = Watcher(orders, order.name)
    await asyncio.wait_for(watcher.watch(), 60)
    assert watcher.updates[-1].state in {pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED}


async def test_watching_an_order_in_its_final_state_ends_at_once(orders: AsyncStub) -> None:
    order = await place_order(orders)
    assert order.state == pb.Order.STATE_CONFIRMED
    watcher = Watcher(orders, order.name)
    await asyncio.wait_for(watcher.watch(), 10)
    assert (watcher.updates, watcher.stream_errors) == ([order], [])
