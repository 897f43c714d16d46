"""Servicers tell errors by raising them."""

import pytest

from tests.tidy.conftest import Plant
from tests.tidy.resilience import STATUS
from tests.tidy.servicers import servicers
from tests.tidy.tree import Tree

HEAD = '''"""A servicer."""
from contextlib import suppress
import grpc
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc

class OrdersServicer(orders_pb2_grpc.OrdersServiceServicer):
    async def GetOrder(self, request, told):
'''
WATCH = "        return pb.GetOrderResponse(order=found)\n\n    async def WatchOrder(self, request, context):\n"


def test_servicers_raise_what_goes_wrong(checkout: Tree) -> None:
    assert servicers(checkout) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("        told.set_code(grpc.StatusCode.NOT_FOUND)", "told in GetOrder"),
        ("        return refuse(told, 'no such order')", "told in GetOrder"),
        ("        if told.code(): return pb.GetOrderResponse()", "told in GetOrder"),
        ("        getattr(told, 'set_' + 'details')('no such order')", "told in GetOrder"),
        ("        try: return reply\n        except KeyError: return None", "except in GetOrder"),
        ("        with suppress(KeyError): return reply", "suppress in GetOrder"),
        ("        if not found: return pb.GetOrderResponse()", "an empty reply in GetOrder"),
        (f"{WATCH}        context.code()\n        yield reply", "context in WatchOrder"),
        (f"{WATCH}        yield pb.WatchOrderResponse()", "an empty reply in WatchOrder"),
        (f"{WATCH}        try:\n            yield reply\n        except KeyError: return", "except in WatchOrder"),
        ("        return reply\n\ndef refuse(context): raise_for(context)", "context in refuse"),
    ],
)
def test_an_error_that_is_not_raised_is_found(plant: Plant, body: str, what: str) -> None:
    told = servicers(plant({"services/orders/servicer.py": f"{HEAD}{body}\n"}))
    assert any(line.startswith("services/orders/servicer.py:") and f" {what}: {STATUS}" in line for line in told), told


@pytest.mark.parametrize(
    "body",
    [
        "        return pb.GetOrderResponse(order=found)",
        "        try:\n            return reply\n        finally: close()",
        f"{WATCH}        async for order in orders:\n            yield pb.WatchOrderResponse(order=order)",
    ],
)
def test_what_a_servicer_may_do_is_no_offence(plant: Plant, body: str) -> None:
    assert servicers(plant({"services/orders/servicer.py": f"{HEAD}{body}\n"})) == []


def test_the_runtime_tells_statuses(plant: Plant) -> None:
    assert servicers(plant({"services/runtime/interceptor.py": "def call(request, context): context.code()\n"})) == []
