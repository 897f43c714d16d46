"""One probe: log in, place an order, watch it until it is confirmed, cancel it.

The prober is a client outside of the mesh. It has a separate account, so its orders are those of one customer. It
cancels every one of them: stock and money are as before.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc

from mesh.prober.metrics import FAILURES, STEP_DURATION
from shop.identity.v1 import identity_pb2, identity_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc

TIMEOUT_SECONDS = 10.0
"""The deadline of each call. A customer who waits longer than this has given up."""
LOGIN_INTERVAL_SECONDS = 600.0
"""A token is valid for 15 minutes."""
PRODUCT = "products/p-0173"
ADDRESS = orders_pb2.ShippingAddress(
    recipient="Prober", lines=["Unter den Linden 1"], locality="Berlin", postal_code="10117", region_code="DE"
)


class ProbeFailedError(Exception):
    """A step of the probe has failed. The text says which, and how."""

    def __init__(self, step: str, status: str, details: str) -> None:
        super().__init__(f"{step}: {status}: {details}")
        self.step, self.status = step, status


@dataclass(frozen=True)
class Account:
    """The prober's own user. It signs up once, under the same request_id however often it tries."""

    email: str
    password: str = field(repr=False)


class Probe:
    """The calls of one customer through the gateway."""

    def __init__(self, channel: grpc.Channel, account: Account) -> None:
        """Create it. It logs in with its first run."""
        self._identity = identity_pb2_grpc.IdentityServiceStub(channel)
        self._orders = orders_pb2_grpc.OrdersServiceStub(channel)
        self._account = account
        self._token = ""
        self._login_time = float("-inf")
        self._request_id = ""
        """That of an order whose placement has not been answered. It is sent again, so the order is not lost."""
        self._order = ""
        """An order that is not cancelled yet."""

    def run(self) -> str:
        """Run the probe once, and return the name of the order. Raises ProbeFailedError.

        First it ends the order of a run that has failed, so that no order of the prober stays.
        """
        if time.monotonic() - self._login_time > LOGIN_INTERVAL_SECONDS:
            with _step("login"):
                self._log_in()
        if self._order:
            with _step("cancel"):
                self._end()
        with _step("place"):
            self._place()
        with _step("watch"):
            self._watch(orders_pb2.Order.STATE_CONFIRMED)
        with _step("cancel"):
            self._cancel()
        cancelled, self._order = self._order, ""
        return cancelled

    def _log_in(self) -> None:
        request = identity_pb2.IssueTokenRequest(email=self._account.email, password=self._account.password)
        try:
            response = self._identity.IssueToken(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            self._sign_up()
            response = self._identity.IssueToken(request, timeout=TIMEOUT_SECONDS)
        self._token, self._login_time = response.access_token, time.monotonic()

    def _sign_up(self) -> None:
        request = identity_pb2.CreateUserRequest(
            request_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self._account.email}")),
            user=identity_pb2.User(email=self._account.email, display_name="Prober"),
            password=self._account.password,
        )
        self._identity.CreateUser(request, timeout=TIMEOUT_SECONDS)

    def _place(self) -> None:
        self._request_id = self._request_id or str(uuid.uuid4())
        request = orders_pb2.PlaceOrderRequest(
            request_id=self._request_id,
            customer="customers/me",
            items=[orders_pb2.PlaceOrderItem(product=PRODUCT, quantity=1)],
            payment_token="tok_visa",  # noqa: S106  # a test card
            shipping_address=ADDRESS,
        )
        order = self._orders.PlaceOrder(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS).order
        self._request_id = ""
        if order.state == orders_pb2.Order.STATE_REJECTED:
            raise _WrongStateError(order)
        self._order = order.name

    def _watch(self, expected: orders_pb2.Order.State.ValueType) -> None:
        request = orders_pb2.WatchOrderRequest(name=self._order)
        stream = self._orders.WatchOrder(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS)
        for response in stream:
            if response.order.state == expected:
                stream.cancel()
                return
            if response.order.state == orders_pb2.Order.STATE_REJECTED:
                self._order = ""
                raise _WrongStateError(response.order)
        raise _WrongStateError(None)

    def _end(self) -> None:
        """Cancel the order of an earlier run, unless the shop has rejected it or has not finished with it yet."""
        request = orders_pb2.GetOrderRequest(name=self._order)
        order = self._orders.GetOrder(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS).order
        if order.state == orders_pb2.Order.STATE_PENDING:
            raise _WrongStateError(order)
        if order.state in {orders_pb2.Order.STATE_CONFIRMED, orders_pb2.Order.STATE_CANCELLING}:
            self._cancel()
        self._order = ""

    def _cancel(self) -> None:
        # The same id however often it is sent: it is derived from the order.
        request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, self._order))
        request = orders_pb2.CancelOrderRequest(request_id=request_id, name=self._order)
        order = self._orders.CancelOrder(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS).order
        if order.state == orders_pb2.Order.STATE_CANCELLING:
            self._watch(orders_pb2.Order.STATE_CANCELLED)
        elif order.state != orders_pb2.Order.STATE_CANCELLED:
            raise _WrongStateError(order)

    @property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._token}"),)


class _WrongStateError(Exception):
    """An order is not in the state that the step leads to."""

    def __init__(self, order: orders_pb2.Order | None) -> None:
        if order is None:
            super().__init__("the stream ended before the order did")
        else:
            super().__init__(f"{orders_pb2.Order.State.Name(order.state)} {order.rejection_message}".rstrip())


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Measure a step. Raises ProbeFailedError if it fails."""
    started = time.monotonic()
    try:
        yield
    except grpc.RpcError as error:
        _fail(name, error.code().name, error.details() or "", error)
    except _WrongStateError as error:
        _fail(name, "WRONG_STATE", str(error), error)
    finally:
        STEP_DURATION.labels(name).observe(time.monotonic() - started)


def _fail(step: str, status: str, details: str, cause: Exception) -> None:
    FAILURES.labels(step, status).inc()
    raise ProbeFailedError(step, status, details) from cause
