"""Without a mesh, each failure of a faulty service reaches the caller: no call is retried.

tests/mesh/test_flaky.py makes the same calls through the mesh.
"""

import grpc.aio
import pytest

from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.support.faulty import AFTER, ATTEMPTS, BEFORE
from tests.support.processes import Process, records, targets
from tests.support.shop import CONFIRMED, Shop, cart
from tests.support.starters import Start

pytestmark = pytest.mark.prove

CALLS = 500


async def statuses(process: Process, calls: int) -> list[grpc.StatusCode]:
    """Read a product so many times. Return the status of each call."""
    codes = []
    async with process.channel() as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        for _ in range(calls):
            call = stub.GetProduct(pb.GetProductRequest(name="products/p-0001"))
            codes.append(await call.code())
    return codes


async def test_about_a_third_of_reads_fail_and_none_is_retried(start: Start) -> None:
    env = {"SERVICE": "catalog", "FAULTY_SHARE": "0.3", "FAULTY_METHODS": "GetProduct"}
    catalog = start("faulty", env, folder="catalog")
    codes = await statuses(catalog, CALLS)
    failed = codes.count(grpc.StatusCode.UNAVAILABLE)
    assert failed + codes.count(grpc.StatusCode.OK) == CALLS
    assert 0.25 < failed / CALLS < 0.35
    attempts = await records(catalog, CALLS, logger=ATTEMPTS)
    assert [attempt["fault"] for attempt in attempts].count(BEFORE) == failed
    assert len(attempts) == CALLS, "one attempt for each call"


async def test_only_the_selected_callers_and_methods_see_faults(start: Start) -> None:
    catalog = start("faulty", {"SERVICE": "catalog", "FAULTY_METHODS": "ListProducts"}, folder="a")
    assert set(await statuses(catalog, 5)) == {grpc.StatusCode.OK}
    catalog = start("faulty", {"SERVICE": "catalog", "FAULTY_AGENT": "nobody"}, folder="b")
    assert set(await statuses(catalog, 5)) == {grpc.StatusCode.OK}


async def test_an_order_exists_even_if_its_response_was_lost(start: Start) -> None:
    callees = {name: start(name) for name in ("catalog", "inventory", "payments", "shipping")}
    faulty = {"SERVICE": "orders", "FAULTY_METHODS": "PlaceOrder", "FAULTY_WHEN": AFTER}
    orders = start("faulty", {**targets(*callees.values()), **faulty}, folder="orders")
    shop = Shop(orders, callees["inventory"], callees["payments"], callees["shipping"])
    request = cart(p_0001=1)
    with pytest.raises(grpc.aio.AioRpcError, match="the test makes it fail after its work"):
        await shop.place(request)
    [order] = await shop.orders("customers/ada")
    assert order.state == CONFIRMED
    assert shop.payment_states(order.name) == ["CAPTURED"]
    path = "/shop.orders.v1.OrdersService/PlaceOrder"
    [attempt] = await records(orders, logger=ATTEMPTS, method=path)
    assert (attempt["request_id"], attempt["outcome"], attempt["fault"]) == (request.request_id, "OK", AFTER)
    await shop.close()
