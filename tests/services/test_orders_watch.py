"""WatchOrder, and calls that wait for their order to end, in one process and in two that share a database."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import grpc
import grpc.aio
import pytest

from shop.orders.v1 import orders_pb2 as pb
from tests.support.clock import Duration, Stopwatch, eventually
from tests.support.errors import refused
from tests.support.processes import Process, targets
from tests.support.shop import BERLIN, CANCELLED, CONFIRMED, PENDING, REJECTED, Shop, Watch, cart, new_id
from tests.support.starters import Shared, Start

DIGEST = "0123456789abcdef"
CALLEES = ("catalog", "inventory", "payments", "shipping")


@pytest.fixture
async def pair(start: Start, shared: Shared) -> AsyncIterator[tuple[Shop, Shop, Process]]:
    """Yield clients of two processes of orders that share a database, and the first process."""
    callees = [shared(name) for name in CALLEES]
    replicas = [start("orders", targets(*callees), folder=name, data_folder="both") for name in ("one", "two")]
    one, two = (Shop(replica, *callees[1:]) for replica in replicas)
    yield one, two, replicas[0]
    await one.close()
    await two.close()


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """Freeze a process during the block: calls reach it, and get no reply until it continues."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


async def states(watch: Watch) -> list[int]:
    return [response.order.state async for response in watch]


async def pending(shop: Shop, customer: str) -> pb.Order:
    """Wait for the customer's one order, and return it."""
    async for attempt in eventually(retry=ValueError):
        with attempt:
            (order,) = await shop.orders(customer)
    assert order.state == PENDING
    return order


async def test_a_watch_sends_each_change_until_the_order_ends(shop: Shop, shared: Shared) -> None:
    customer = f"customers/{new_id()}"
    with frozen(shared("payments")):
        placing = shop.stub.PlaceOrder(cart(customer=customer, to=BERLIN, p_0136=1))
        order = await pending(shop, customer)
        watch = shop.watch(order.name)
        assert (await anext(watch)).order == order
    responses = [response async for response in watch]
    assert responses[-1].order == (await placing).order
    assert responses[-1].order.state == CONFIRMED
    assert {response.order.state for response in responses[:-1]} <= {PENDING}
    assert len({response.resume_token for response in responses}) == len(responses)


async def test_a_watch_resumes_where_another_ended(shop: Shop) -> None:
    order = await shop.place(cart(p_0199=1))
    assert order.state == REJECTED
    [response] = [response async for response in shop.watch(order.name)]
    assert response.order == order
    assert await states(shop.watch(order.name, response.resume_token)) == []


async def test_a_cancellation_can_be_watched(shop: Shop, shared: Shared) -> None:
    order = await shop.place(cart(p_0136=1))
    [seen] = [response async for response in shop.watch(order.name)]
    with frozen(shared("payments")):
        cancelling = asyncio.create_task(shop.cancel(order.name))
        async for attempt in eventually():
            with attempt:
                assert (await shop.order(order.name)).state == pb.Order.STATE_CANCELLING
        watch = shop.watch(order.name, seen.resume_token)
        assert (await anext(watch)).order.state == pb.Order.STATE_CANCELLING
    assert await states(watch) == [CANCELLED]
    assert (await cancelling).state == CANCELLED


@pytest.mark.parametrize(
    "token", ["1", "{other}:" + DIGEST, "{own}:", "{own}:1", "{own}:" + "x" * 16, "{own}:" + DIGEST + "0"]
)
async def test_a_resume_token_is_for_one_order(shop: Shop, token: str) -> None:
    order = await shop.place(cart(p_0199=1))
    own = order.name.partition("/")[2]
    error = await refused(anext(shop.watch(order.name, token.format(own=own, other=new_id()))))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == ["resume_token"]


async def test_a_missing_order_cannot_be_watched(shop: Shop) -> None:
    error = await refused(anext(shop.watch(f"orders/{new_id()}")))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    assert (await refused(anext(shop.watch("customers/ada")))).fields == ["name"]


async def test_a_watch_ends_with_its_deadline(shop: Shop, shared: Shared) -> None:
    customer = f"customers/{new_id()}"
    with frozen(shared("payments")):
        placing = shop.stub.PlaceOrder(cart(customer=customer, p_0136=1))
        order = await pending(shop, customer)
        watch = shop.watch(order.name, timeout=10)
        assert (await anext(watch)).order == order
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await anext(watch)
        assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await placing


async def stop_during_a_watch(start: Start, shared: Shared) -> Duration:
    """Stop a process during a watch. Return the seconds until the stream has ended."""
    callees = [shared(name) for name in CALLEES]
    orders, customer = start("orders", targets(*callees)), f"customers/{new_id()}"
    shop = Shop(orders, *callees[1:])
    with frozen(shared("payments")):
        placing = shop.stub.PlaceOrder(cart(customer=customer, p_0136=1))
        watch = shop.watch((await pending(shop, customer)).name)
        assert (await anext(watch)).order.state == PENDING
        stopwatch = Stopwatch()
        orders.signal()
        error = await refused(anext(watch))
        seconds = stopwatch.elapsed()
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")
        assert (await placing).order.state == PENDING
    assert orders.wait() == 0
    await shop.close()
    return seconds


async def test_a_stopping_process_ends_its_watches(start: Start, shared: Shared) -> None:
    await stop_during_a_watch(start, shared)


@pytest.mark.prove
@pytest.mark.timing
async def test_a_stopping_process_ends_its_watches_within_a_second(start: Start, shared: Shared) -> None:
    assert await stop_during_a_watch(start, shared) < 1


async def test_an_order_of_another_process_can_be_watched(pair: tuple[Shop, Shop, Process], shared: Shared) -> None:
    one, two, _ = pair
    customer = f"customers/{new_id()}"
    with frozen(shared("payments")):
        placing = one.stub.PlaceOrder(cart(customer=customer, p_0136=1))
        watch = two.watch((await pending(two, customer)).name)
        assert (await anext(watch)).order.state == PENDING
    assert await states(watch) == [CONFIRMED]
    assert (await placing).order.state == CONFIRMED


async def test_a_watch_resumes_in_another_process(pair: tuple[Shop, Shop, Process], shared: Shared) -> None:
    one, two, first = pair
    customer = f"customers/{new_id()}"
    with frozen(shared("payments")):
        placing = two.stub.PlaceOrder(cart(customer=customer, p_0136=1))
        order = await pending(two, customer)
        watch = one.watch(order.name)
        seen = await anext(watch)
        first.signal()
        await refused(anext(watch))
        resumed = two.watch(order.name, seen.resume_token)
    assert await states(resumed) == [CONFIRMED]
    await placing


async def test_equal_requests_to_two_processes_have_one_effect_and_equal_replies(
    pair: tuple[Shop, Shop, Process],
) -> None:
    one, two, _ = pair
    customer, before = f"customers/{new_id()}", await one.stock("p-0137")
    request = cart(customer=customer, to=BERLIN, p_0137=1)
    placed = await asyncio.gather(*(shop.place(request) for _ in range(25) for shop in (one, two)))
    assert placed[0].state == CONFIRMED
    assert all(order == placed[0] for order in placed)
    assert await one.orders(customer) == [placed[0]]
    assert await one.stock("p-0137") == (before[0] - 1, before[1])
    assert one.payment_states(placed[0].name) == ["CAPTURED"]

    cancelling = new_id()
    cancelled = await asyncio.gather(
        *(shop.cancel(placed[0].name, cancelling) for _ in range(25) for shop in (one, two))
    )
    assert cancelled[0].state == CANCELLED
    assert all(order == cancelled[0] for order in cancelled)
    assert await one.stock("p-0137") == before
    assert one.payment_states(placed[0].name) == ["REFUNDED"]
