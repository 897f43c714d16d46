"""A breaking change without an outage: serve both versions, move the callers, then remove the old version."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from shop.orders.v1 import orders_pb2 as v1
from shop.orders.v2 import orders_pb2 as v2
from tests.support.databases import query
from tests.support.processes import Process, records, targets
from tests.support.shop import CANCELLED, Shop, as_v2, cart, new_id
from tests.support.starters import CALLEES, Shared, Start

FIRST, SECOND = "shop.orders.v1.OrdersService", "shop.orders.v2.OrdersService"


class Rollout:
    """Processes of orders that share one database, as during a rollout."""

    def __init__(self, start: Start, callees: list[Process]) -> None:
        self._start_process, self._callees = start, callees
        self._database: dict[str, str] = {}
        self._shops: list[Shop] = []

    async def start(self, name: str) -> tuple[Process, Shop]:
        """Start a process, and open a client of it."""
        process = self._start_process(name, {**targets(*self._callees), **self._database})
        self._database = {"DATABASE_URL": process.database_url}
        shop = Shop(process, *self._callees[1:])
        self._shops.append(shop)
        return process, shop

    async def close(self) -> None:
        """Close the clients."""
        for shop in self._shops:
            await shop.close()


@pytest.fixture
async def rollout(start: Start, shared: Shared) -> AsyncIterator[Rollout]:
    opened = Rollout(start, [shared(name) for name in CALLEES["orders"]])
    yield opened
    await opened.close()


async def is_unimplemented(call: Awaitable[object]) -> bool:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def is_served(process: Process, service: str) -> bool:
    """Return whether the health service of a process reports a version as serving."""
    async with process.channel() as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        try:
            reply = await check(health_pb2.HealthCheckRequest(service=service))
        except grpc.aio.AioRpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def versions(process: Process) -> Counter[str]:
    """Return the number of calls of each version in the access log."""
    methods = [str(record["method"]) for record in process.log() if record["logger"] == "access"]
    return Counter(method.split("/")[1] for method in methods)


async def test_a_caller_that_moves_before_its_server_gets_unimplemented_and_no_order(rollout: Rollout) -> None:
    before, shop = await rollout.start("v1_orders")
    request = as_v2(cart(customer=f"customers/{new_id()}", p_0151=1))
    assert await is_unimplemented(shop.v2.PlaceOrder(request))
    assert await shop.orders(request.customer) == []
    assert (await is_served(before, FIRST), await is_served(before, SECOND)) == (True, False)


async def test_expand_during_the_rollout_all_processes_serve_v1_and_only_new_ones_serve_v2(
    rollout: Rollout,
) -> None:
    _, before = await rollout.start("v1_orders")
    both, after = await rollout.start("orders")
    customer = f"customers/{new_id()}"
    one = await before.place(cart(customer=customer, p_0151=1))
    two = await after.place(cart(customer=customer, p_0151=1))
    three = (await after.v2.PlaceOrder(as_v2(cart(customer=customer, p_0151=1)))).order
    names = [three.name, two.name, one.name]
    assert [order.name for order in await before.orders(customer)] == names
    assert [order.name for order in await after.orders(customer)] == names
    listed = await after.v2.ListOrders(v2.ListOrdersRequest(customer=customer))
    assert [order.name for order in listed.orders] == names
    assert await is_unimplemented(before.v2.GetOrder(v2.GetOrderRequest(name=one.name))), "callers wait for the rollout"
    assert (await is_served(both, FIRST), await is_served(both, SECOND)) == (True, True)


async def test_old_and_new_code_share_the_requests_that_were_carried_out(rollout: Rollout) -> None:
    _, before = await rollout.start("v1_orders")
    _, after = await rollout.start("orders")
    first = cart(customer=f"customers/{new_id()}", p_0152=1)
    order = await before.place(first)
    assert (await after.place(first)).name == order.name
    assert (await after.v2.PlaceOrder(as_v2(first))).order.name == order.name
    first = cart(customer=first.customer, p_0152=1)
    other = (await after.v2.PlaceOrder(as_v2(first))).order
    assert (await before.place(first)).name == other.name, "and vice versa"
    assert [order.name for order in await before.orders(first.customer)] == [other.name, order.name]


async def test_migrate_callers_move_one_by_one_and_the_access_log_counts_those_that_have_not(rollout: Rollout) -> None:
    both, shop = await rollout.start("orders")
    customers = [f"customers/{new_id()}" for _ in range(3)]
    for moved in range(len(customers) + 1):
        seen = versions(both)
        for index, customer in enumerate(customers):
            if index < moved:
                assert (await shop.v2.PlaceOrder(as_v2(cart(customer=customer, p_0153=1)))).order.name
            else:
                assert (await shop.place(cart(customer=customer, p_0153=1))).name
        await records(both, sum(seen.values()) + len(customers), logger="access")
        assert versions(both) - seen == Counter({FIRST: len(customers) - moved, SECOND: moved})
    for customer in customers:
        assert len(await shop.orders(customer)) == len(customers) + 1


async def test_contract_v2_callers_continue_and_v1_callers_get_unimplemented(rollout: Rollout) -> None:
    both, before = await rollout.start("orders")
    first = cart(p_0154=1)
    order = await before.ended((await before.place(first)).name)
    [seen] = [response async for response in before.watch(order.name)]
    last, shop = await rollout.start("v2_orders")
    assert both.stop() == 0

    assert await is_unimplemented(shop.stub.GetOrder(v1.GetOrderRequest(name=order.name)))
    assert (await is_served(last, FIRST), await is_served(last, SECOND)) == (False, True)
    assert (await shop.v2.PlaceOrder(as_v2(first))).order.name == order.name, "its request is still stored"
    watching = v2.WatchOrderRequest(name=order.name, resume_token=seen.resume_token)
    assert [response.order.name async for response in shop.v2.WatchOrder(watching)] == [order.name]
    cancelling = v2.CancelOrderRequest(request_id=new_id(), name=order.name)
    await shop.v2.CancelOrder(cancelling)
    *_, last_update = [response async for response in shop.v2.WatchOrder(v2.WatchOrderRequest(name=order.name))]
    assert int(last_update.order.state) == CANCELLED
    event_types = query(last.database_url, "SELECT type FROM outbox")
    assert {str(event_type) for (event_type,) in event_types} == {
        f"shop.orders.v1.Order{end}" for end in ("Placed", "Confirmed", "Cancelled")
    }
