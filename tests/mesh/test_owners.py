"""Whose an order is, from outside: who is signed in has their own orders, and no header makes them somebody else."""

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
from tests.services.shop import as_v2

NO_ORDER, NOT_YOURS = "NOT_FOUND there is no order", "PERMISSION_DENIED these orders belong to another customer"
VERSIONS = [(orders_pb2, orders_pb2_grpc), (orders_v2, orders_v2_grpc)]
SECONDS = 20


@pytest.fixture
def ada(mesh: Mesh) -> str:
    """Give the token of a user."""
    return Signer.of(mesh.home).token(sub="users/test-ada")


@pytest.fixture
async def eve(mesh: Mesh) -> AsyncIterator[grpc.aio.Channel]:
    """Give the channel of another one."""
    async with dial(mesh.gateway, token=Signer.of(mesh.home).token(sub="users/test-eve")) as channel:
        yield channel


@pytest.fixture
async def order_request(mesh: Mesh, ada: str) -> AsyncIterator[orders_pb2.PlaceOrderRequest]:
    """Give the request of an order that is placed."""
    async with dial(mesh.gateway, token=ada) as channel:
        asked = Shop(channel).order_request("customers/test-ada")
        await Shop(channel).place(asked)
        yield asked


def attempts(
    version: ModuleType,
    stub: Any,  # noqa: ANN401
    order: str,
    order_request: orders_pb2.PlaceOrderRequest,
    **how: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Answer what somebody may try with another's order, by what it has to end with."""
    placing = order_request if version is orders_pb2 else as_v2(order_request)
    cancelling = version.CancelOrderRequest(request_id=str(uuid.uuid4()), name=order)
    return [
        (NO_ORDER, stub.GetOrder(version.GetOrderRequest(name=order), **how)),
        (NO_ORDER, stub.CancelOrder(cancelling, **how)),
        (NO_ORDER, first(stub.WatchOrder(version.WatchOrderRequest(name=order), **how))),
        (NOT_YOURS, stub.ListOrders(version.ListOrdersRequest(customer="customers/test-ada"), **how)),
        (NOT_YOURS, stub.ListOrders(version.ListOrdersRequest(customer="customers/-"), **how)),
        # The very request that has made it.
        (NOT_YOURS, stub.PlaceOrder(placing, **how)),
    ]


async def first(stream: Any) -> None:  # noqa: ANN401
    """Take the first message of a stream."""
    await anext(aiter(stream))


SPOOFS = [
    (),
    (("x-principal", "users/test-ada"),),
    (("x-principal", "users/test-ada"), ("x-principal", "")),
    (("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/shop/sa/operator"),),
]


async def test_the_orders_of_others_are_none(
    mesh: Mesh, ada: str, eve: grpc.aio.Channel, order_request: orders_pb2.PlaceOrderRequest
) -> None:
    async with dial(mesh.gateway, token=ada) as channel:
        order = (await Shop(channel).orders("customers/me"))[0]
        assert order.customer == "customers/test-ada"
    wrong = []
    for (version, stubs), spoof in itertools.product(VERSIONS, SPOOFS):
        stub = stubs.OrdersServiceStub(eve)
        tried = attempts(version, stub, order.name, order_request, metadata=spoof, timeout=SECONDS)
        outcomes = [(told, await outcome_of(call)) for told, call in tried]
        wrong += [(version.__name__, spoof, *each) for each in outcomes if not each[1].startswith(each[0])]
    assert wrong == []
    assert await Shop(eve).orders("customers/me") == []
    # It is as it was, and its owner's still.
    async with dial(mesh.gateway, token=ada) as channel:
        assert (await Shop(channel).orders("customers/me"))[0] == order
        assert (await Shop(channel).cancel(order.name)).state == orders_pb2.Order.STATE_CANCELLED
