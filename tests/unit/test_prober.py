"""The prober ends the order of a run that has failed, in whichever state it is, and then buys again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from mesh.prober.probe import Account, Probe, ProbeFailedError
from shop.identity.v1 import identity_pb2, identity_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc

Order = orders_pb2.Order


class Identity(identity_pb2_grpc.IdentityServiceServicer):
    """Accepts every password."""

    def IssueToken(  # noqa: N802  # the name in the contract
        self, _request: identity_pb2.IssueTokenRequest, _context: grpc.ServicerContext
    ) -> identity_pb2.IssueTokenResponse:
        """Return a token."""
        return identity_pb2.IssueTokenResponse(access_token="token")  # noqa: S106


class Shop(orders_pb2_grpc.OrdersServiceServicer):
    """A shop with one order, whose state the test sets."""

    def __init__(self) -> None:
        self.state: Order.State.ValueType = Order.STATE_CONFIRMED
        self.request_ids: list[str] = []
        self.cancelled = 0
        self.failing = ""

    def _order(self) -> Order:
        return Order(name="orders/1", state=self.state)

    def _fail(self, method: str, context: grpc.ServicerContext) -> None:
        if self.failing == method:
            context.abort(grpc.StatusCode.UNAVAILABLE, "no shop")

    def PlaceOrder(  # noqa: N802
        self, request: orders_pb2.PlaceOrderRequest, context: grpc.ServicerContext
    ) -> orders_pb2.PlaceOrderResponse:
        """Return the order."""
        self.request_ids.append(request.request_id)
        self._fail("PlaceOrder", context)
        return orders_pb2.PlaceOrderResponse(order=self._order())

    def GetOrder(  # noqa: N802
        self, _request: orders_pb2.GetOrderRequest, _context: grpc.ServicerContext
    ) -> orders_pb2.GetOrderResponse:
        """Return the order."""
        return orders_pb2.GetOrderResponse(order=self._order())

    def WatchOrder(  # noqa: N802
        self, _request: orders_pb2.WatchOrderRequest, context: grpc.ServicerContext
    ) -> Iterator[orders_pb2.WatchOrderResponse]:
        """Yield the order once."""
        self._fail("WatchOrder", context)
        yield orders_pb2.WatchOrderResponse(order=self._order())

    def CancelOrder(  # noqa: N802
        self, _request: orders_pb2.CancelOrderRequest, context: grpc.ServicerContext
    ) -> orders_pb2.CancelOrderResponse:
        """Cancel the order, if it is confirmed."""
        if self.state != Order.STATE_CONFIRMED:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it cannot be cancelled")
        self.cancelled += 1
        return orders_pb2.CancelOrderResponse(order=Order(name="orders/1", state=Order.STATE_CANCELLED))


@pytest.fixture
def shop() -> Shop:
    return Shop()  # type: ignore[abstract]  # the prober calls no other methods


@pytest.fixture
def probe(shop: Shop) -> Iterator[Probe]:
    server = grpc.server(ThreadPoolExecutor(4))
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(Identity(), server)  # type: ignore[abstract]
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(shop, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        yield Probe(channel, Account("prober@shop.example", "secret"))
    server.stop(None)


@pytest.mark.parametrize(
    ("state", "cancelled"), [(Order.STATE_CONFIRMED, 2), (Order.STATE_REJECTED, 1), (Order.STATE_CANCELLED, 1)]
)
def test_the_order_of_a_failed_run_is_ended(
    probe: Probe, shop: Shop, state: Order.State.ValueType, cancelled: int
) -> None:
    shop.state, shop.failing = Order.STATE_PENDING, "WatchOrder"
    with pytest.raises(ProbeFailedError, match="watch: UNAVAILABLE"):
        probe.run()
    with pytest.raises(ProbeFailedError, match="cancel: WRONG_STATE: STATE_PENDING"):
        probe.run()
    shop.state, shop.failing = state, "PlaceOrder"
    with pytest.raises(ProbeFailedError, match="place: UNAVAILABLE"):
        probe.run()
    shop.state, shop.failing = Order.STATE_CONFIRMED, ""
    assert probe.run() == "orders/1"
    assert shop.cancelled == cancelled, "the one of the failed run, if it could be cancelled, and that of the last"


def test_an_order_whose_placement_has_no_answer_is_placed_under_the_same_id(probe: Probe, shop: Shop) -> None:
    shop.failing = "PlaceOrder"
    for _ in range(2):
        with pytest.raises(ProbeFailedError, match="place: UNAVAILABLE: no shop"):
            probe.run()
    shop.failing = ""
    probe.run()
    probe.run()
    first, second, third, fourth = shop.request_ids
    assert first == second == third != fourth
