"""What the law about servicers finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.resilience import STATUS
from tests.tidy.servicers import servicers

HEAD = '''"""A servicer."""
from contextlib import suppress
import grpc
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc

class OrdersServicer(orders_pb2_grpc.OrdersServiceServicer):
    async def GetOrder(self, request, ctx):
'''
WATCH = "        return pb.GetOrderResponse(order=order)\n\n    async def WatchOrder(self, request, context):\n"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("        ctx.set_code(grpc.StatusCode.NOT_FOUND)", "ctx in GetOrder"),
        ("        return refuse(ctx, 'no such order')", "ctx in GetOrder"),
        ("        if ctx.code(): return pb.GetOrderResponse()", "ctx in GetOrder"),
        ("        getattr(ctx, 'set_' + 'details')('no such order')", "ctx in GetOrder"),
        ("        try: return reply\n        except KeyError: return None", "except in GetOrder"),
        ("        with suppress(KeyError): return reply", "suppress in GetOrder"),
        ("        if not order: return pb.GetOrderResponse()", "an empty response in GetOrder"),
        (f"{WATCH}        context.code()\n        yield reply", "context in WatchOrder"),
        (f"{WATCH}        yield pb.WatchOrderResponse()", "an empty response in WatchOrder"),
        (f"{WATCH}        try:\n            yield reply\n        except KeyError: return", "except in WatchOrder"),
        ("        return reply\n\ndef refuse(context): raise_for(context)", "context in refuse"),
    ],
)
def test_an_error_that_is_not_raised_is_found(make_tree: MakeTree, body: str, what: str) -> None:
    found = list(servicers(make_tree({"services/orders/servicer.py": f"{HEAD}{body}\n"})))
    assert all(violation.startswith("services/orders/servicer.py:") for violation in found)
    assert any(f" {what}: {STATUS}" in violation for violation in found), found


@pytest.mark.parametrize(
    "body",
    [
        "        return pb.GetOrderResponse(order=order)",
        "        try:\n            return reply\n        finally: close()",
        f"{WATCH}        async for order in orders:\n            yield pb.WatchOrderResponse(order=order)",
    ],
)
def test_raising_and_returning_are_allowed(make_tree: MakeTree, body: str) -> None:
    assert list(servicers(make_tree({"services/orders/servicer.py": f"{HEAD}{body}\n"}))) == []


def test_the_runtime_may_set_statuses(make_tree: MakeTree) -> None:
    code = "def call(request, context): context.code()\n"
    assert list(servicers(make_tree({"services/runtime/interceptor.py": code}))) == []
