"""A call is resent only if its contract allows it, and takes effect once. Attempts are counted at the servers.

Every service does its work and then returns UNAVAILABLE, but only to the callers of these tests.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from shop.identity.v1 import identity_pb2
from shop.inventory.v1 import inventory_pb2
from shop.orders.v1 import orders_pb2
from shop.payments.v1 import payments_pb2
from tests.mesh.callers import GATEWAY, MeshCaller, callers_by_path, idle_operator
from tests.mesh.faults import failing_services, logged_attempts
from tests.mesh.harness import Mesh
from tests.mesh.reads import READS
from tests.support.clock import eventually
from tests.support.contracts import methods, service_of
from tests.support.faulty import AFTER
from tests.support.report import Measured
from tests.support.shop import new_id
from tests.support.writes import IDENTITY, INVENTORY, ORDERS, PAYMENTS, WRITES, create_user_request, place_order_request

AGENT = f"attempts/{uuid.uuid4()}"
UNARY = {path: method for path, method in methods().items() if not method.server_streaming}
BY_TYPE = {message.DESCRIPTOR.full_name: message for message in READS}
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def failing(running: Mesh) -> AsyncIterator[None]:
    """Replace all services with ones that do the work and then lose the response, for the callers of these tests."""
    apps = sorted({service_of(path) for path in UNARY})
    async with running.applied(idle_operator()), failing_services(running, apps, WHEN=AFTER, AGENT=AGENT):
        yield


@pytest.fixture
async def caller(failing: None, mesh: Mesh) -> AsyncIterator[MeshCaller]:
    """Yield a caller that is not one of those whose responses are lost."""
    del failing
    caller = await MeshCaller.of(mesh)
    yield caller
    await caller.close()


async def attempts_of_lost_call(mesh: Mesh, caller: MeshCaller, name: str, path: str, request: Message) -> int:
    """Call a method as the caller `name` and lose the response. Return the number of attempts at the server."""
    agent = f"{AGENT}/{uuid.uuid4()}"
    assert await caller.status(name, path, request, agent) == UNAVAILABLE
    async for attempt in eventually(10):
        with attempt:
            attempts = await logged_attempts(mesh, service_of(path), agent)
            assert attempts
    assert {(each["fault"], each["outcome"]) for each in attempts} == {(AFTER, "OK")}
    return len(attempts)


async def request_of(path: str, caller: MeshCaller) -> Message:
    """Return a new request for a method."""
    return await WRITES[path](caller) if path in WRITES else BY_TYPE[UNARY[path].input_type.full_name]


def test_there_is_a_request_for_every_method() -> None:
    assert {path for path in UNARY if path not in WRITES} == {
        path for path, method in UNARY.items() if method.input_type.full_name in BY_TYPE
    }


async def test_each_method_is_tried_as_often_as_its_contract_allows(
    mesh: Mesh, caller: MeshCaller, measured: Measured
) -> None:
    allowed: dict[tuple[str, str], int] = {}
    for path, method in UNARY.items():
        once = method.GetOptions().idempotency_level == MethodOptions.IDEMPOTENCY_UNKNOWN
        for name in callers_by_path()[path]:
            allowed[name, path] = 1 if once else 3
            request = await request_of(path, caller)
            assert await caller.status(name, path, request, f"{AGENT}/{name}") == UNAVAILABLE, f"{path} for {name}"
    async for attempt in eventually(10):
        with attempt:
            attempts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
            for name, app in {(name, service_of(path)) for name, path in allowed}:
                for each in await logged_attempts(mesh, app, f"{AGENT}/{name} "):
                    attempts[name, each["method"]][each["call"]] += 1
            assert attempts.keys() == allowed.keys()
    counts = {call: list(counter.values()) for call, counter in attempts.items()}
    assert counts == {call: [count] for call, count in allowed.items()}
    totals = Counter(allowed.values())
    measured(f"calls whose response is lost: {totals[1]} that are sent once, {totals[3]} three times")


async def test_an_order_is_placed_once_when_its_response_is_lost(mesh: Mesh, caller: MeshCaller) -> None:
    request = await place_order_request(caller)
    assert isinstance(request, orders_pb2.PlaceOrderRequest)
    listing = orders_pb2.ListOrdersRequest(customer=request.customer)
    before = {order.name for order in (await caller.reply(f"{ORDERS}ListOrders", listing)).orders}
    assert await attempts_of_lost_call(mesh, caller, GATEWAY, f"{ORDERS}PlaceOrder", request) == 1
    # The newest come first.
    orders = (await caller.reply(f"{ORDERS}ListOrders", listing)).orders
    [order] = [each for each in orders if each.name not in before]
    assert order.state == orders_pb2.Order.STATE_CONFIRMED
    assert (await caller.reply(f"{ORDERS}PlaceOrder", request)).order == order, "the caller repeats the request"


async def test_an_order_is_cancelled_once_when_the_response_is_lost(mesh: Mesh, caller: MeshCaller) -> None:
    order = (await caller.reply(f"{ORDERS}PlaceOrder", await place_order_request(caller))).order
    request = orders_pb2.CancelOrderRequest(request_id=new_id(), name=order.name)
    assert await attempts_of_lost_call(mesh, caller, GATEWAY, f"{ORDERS}CancelOrder", request) == 3
    after = (await caller.reply(f"{ORDERS}GetOrder", orders_pb2.GetOrderRequest(name=order.name))).order
    assert after.state == orders_pb2.Order.STATE_CANCELLED
    # The newest come first.
    payments = (await caller.reply(f"{PAYMENTS}ListPayments", payments_pb2.ListPaymentsRequest())).payments
    assert [each.state for each in payments if each.reference == order.name] == [payments_pb2.Payment.STATE_REFUNDED]
    listing = inventory_pb2.ListReservationsRequest()
    reservations = (await caller.reply(f"{INVENTORY}ListReservations", listing)).reservations
    assert [each.state for each in reservations if each.reference == order.name] == [
        inventory_pb2.Reservation.STATE_RETURNED
    ]


async def test_a_user_is_created_once_when_the_response_is_lost(mesh: Mesh, caller: MeshCaller) -> None:
    request = await create_user_request(caller)
    assert isinstance(request, identity_pb2.CreateUserRequest)
    assert await attempts_of_lost_call(mesh, caller, GATEWAY, f"{IDENTITY}CreateUser", request) == 3
    user = (await caller.reply(f"{IDENTITY}CreateUser", request)).user
    assert user.email == request.user.email
    duplicate = identity_pb2.CreateUserRequest(request_id=new_id(), user=request.user, password=request.password)
    assert await caller.status(GATEWAY, f"{IDENTITY}CreateUser", duplicate) == grpc.StatusCode.ALREADY_EXISTS


async def test_stock_is_reserved_once_when_the_response_is_lost(mesh: Mesh, caller: MeshCaller) -> None:
    request = inventory_pb2.ReserveStockRequest(request_id=new_id(), reference=f"orders/{uuid.uuid4()}")
    request.lines.add(product="products/p-0014", quantity=2)
    reading = inventory_pb2.GetStockRequest(name="stocks/p-0014")
    before = (await caller.reply(f"{INVENTORY}GetStock", reading)).stock
    assert await attempts_of_lost_call(mesh, caller, "orders", f"{INVENTORY}ReserveStock", request) == 3
    after = (await caller.reply(f"{INVENTORY}GetStock", reading)).stock
    assert (after.available, after.reserved) == (before.available - 2, before.reserved + 2)
    reservation = (await caller.reply(f"{INVENTORY}ReserveStock", request)).reservation.name
    release = inventory_pb2.ReleaseReservationRequest(request_id=new_id(), name=reservation)
    await caller.reply(f"{INVENTORY}ReleaseReservation", release)


@pytest.mark.prove
async def test_a_payment_is_captured_once_when_the_response_is_lost(mesh: Mesh, caller: MeshCaller) -> None:
    request = await WRITES[f"{PAYMENTS}CapturePayment"](caller)
    assert isinstance(request, payments_pb2.CapturePaymentRequest)
    assert await attempts_of_lost_call(mesh, caller, "orders", f"{PAYMENTS}CapturePayment", request) == 3
    payment = (await caller.reply(f"{PAYMENTS}GetPayment", payments_pb2.GetPaymentRequest(name=request.name))).payment
    assert payment.state == payments_pb2.Payment.STATE_CAPTURED
