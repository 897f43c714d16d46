"""Users see only their own orders from outside, and no header gives them the identity of another user."""

import itertools
import uuid
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import grpc
import grpc.aio
import pytest

from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from shop.orders.v2 import orders_pb2 as orders_v2
from shop.orders.v2 import orders_pb2_grpc as orders_v2_grpc
from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.signer import Signer
from tests.support.shop import as_v2

NOT_FOUND, DENIED = "NOT_FOUND there is no order", "PERMISSION_DENIED these orders belong to another customer"
VERSIONS = [(orders_pb2, orders_pb2_grpc), (orders_v2, orders_v2_grpc)]
SECONDS = 20


@pytest.fixture
def ada(mesh: Mesh) -> str:
    """Return the token of a user."""
    return Signer.of(mesh.home).token(sub="users/test-ada")


@pytest.fixture
async def eve(mesh: Mesh) -> AsyncIterator[grpc.aio.Channel]:
    """Yield a channel with the token of another user."""
    async with dial(mesh.gateway, token=Signer.of(mesh.home).token(sub="users/test-eve")) as channel:
        yield channel


@pytest.fixture
async def order_request(mesh: Mesh, ada: str) -> AsyncIterator[orders_pb2.PlaceOrderRequest]:
    """Place an order as ada, and yield the request."""
    async with dial(mesh.gateway, token=ada) as channel:
        request = Shop(channel).order_request("customers/test-ada")
        await Shop(channel).place(request)
        yield request


def attempts(
    version: ModuleType,
    stub: Any,  # noqa: ANN401
    order: str,
    order_request: orders_pb2.PlaceOrderRequest,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Return all calls that a user may try with the order of another user, each with its expected outcome."""
    placing = order_request if version is orders_pb2 else as_v2(order_request)
    cancelling = version.CancelOrderRequest(request_id=str(uuid.uuid4()), name=order)
    return [
        (NOT_FOUND, stub.GetOrder(version.GetOrderRequest(name=order), **options)),
        (NOT_FOUND, stub.CancelOrder(cancelling, **options)),
        (NOT_FOUND, first(stub.WatchOrder(version.WatchOrderRequest(name=order), **options))),
        (DENIED, stub.ListOrders(version.ListOrdersRequest(customer="customers/test-ada"), **options)),
        (DENIED, stub.ListOrders(version.ListOrdersRequest(customer="customers/-"), **options)),
        # The same request that placed the order.
        (DENIED, stub.PlaceOrder(placing, **options)),
    ]


async def first(stream: Any) -> None:  # noqa: ANN401
    """Read the first message of a stream."""
    await anext(aiter(stream))


SPOOFS = [
    (),
    (("x-principal", "users/test-ada"),),
    (("x-principal", "users/test-ada"), ("x-principal", "")),
    (("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/shop/sa/operator"),),
]


async def test_users_cannot_see_or_change_the_orders_of_other_users(
    mesh: Mesh, ada: str, eve: grpc.aio.Channel, order_request: orders_pb2.PlaceOrderRequest
) -> None:
    async with dial(mesh.gateway, token=ada) as channel:
        order = (await Shop(channel).orders("customers/me"))[0]
        assert order.customer == "customers/test-ada"
    wrong = []
    for (version, stubs), spoof in itertools.product(VERSIONS, SPOOFS):
        stub = stubs.OrdersServiceStub(eve)
        calls = attempts(version, stub, order.name, order_request, metadata=spoof, timeout=SECONDS)
        outcomes = [(expected, await outcome_of(call)) for expected, call in calls]
        wrong += [(version.__name__, spoof, *each) for each in outcomes if not each[1].startswith(each[0])]
    assert wrong == []
    assert await Shop(eve).orders("customers/me") == []
    # The order is unchanged, and its owner can still use it.
    async with dial(mesh.gateway, token=ada) as channel:
        assert (await Shop(channel).orders("customers/me"))[0] == order
        assert (await Shop(channel).cancel(order.name)).state == orders_pb2.Order.STATE_CANCELLED
