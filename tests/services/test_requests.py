"""A repeated request has one effect and one reply, for every method that writes, until its record expires."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import insert, select, update

from services.runtime.storage import Database
from services.runtime.storage.database import open_database
from services.runtime.storage.idempotency import DELETE_BATCH, RETENTION, requests
from shop.inventory.v1 import inventory_pb2
from shop.orders.v1 import orders_pb2
from shop.payments.v1 import payments_pb2
from shop.shipping.v1 import shipping_pb2
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.contracts import methods, service_of
from tests.support.databases import query
from tests.support.errors import refused
from tests.support.processes import Process
from tests.support.shop import CANCELLED, CONFIRMED, new_id
from tests.support.starters import Shared, Start
from tests.support.writes import (
    IDENTITY,
    INVENTORY,
    ORDERS,
    ORDERS_V2,
    PAYMENTS,
    SHIPPING,
    TESTED_ELSEWHERE,
    WRITES,
    Caller,
    reserve_stock_request,
)

# Counts and sums that a second effect of a request would change.
FOOTPRINTS = {
    "catalog": "SELECT count(*), sum(revision), sum(price_cents) FROM products",
    "inventory": "SELECT (SELECT count(*) FROM reservations), sum(available), sum(reserved), sum(sold) FROM stocks",
    "payments": "SELECT count(*), sum(cents) FROM payments",
    "shipping": "SELECT count(*), sum(pieces) FROM shipments",
    "identity": "SELECT count(*), sum(revision) FROM users",
    "orders": "SELECT count(*), (SELECT count(*) FROM outbox) FROM orders",
}
# Path → the method, and its request type, that changes the resource which the request created or changed.
NEXT_STEPS = {
    f"{INVENTORY}ReserveStock": (f"{INVENTORY}CommitReservation", inventory_pb2.CommitReservationRequest),
    f"{INVENTORY}CommitReservation": (f"{INVENTORY}ReturnReservation", inventory_pb2.ReturnReservationRequest),
    f"{PAYMENTS}AuthorizePayment": (f"{PAYMENTS}VoidPayment", payments_pb2.VoidPaymentRequest),
    f"{PAYMENTS}CapturePayment": (f"{PAYMENTS}RefundPayment", payments_pb2.RefundPaymentRequest),
    f"{SHIPPING}BookShipment": (f"{SHIPPING}CancelShipment", shipping_pb2.CancelShipmentRequest),
}


@pytest.fixture
async def caller(shared: Shared) -> AsyncIterator[Caller]:
    new = Caller(shared)
    yield new
    await new.close()


def footprint(process: Process) -> list[Decimal]:
    """Return the counts and sums of a service's database that show an effect."""
    [counts] = query(process.database_url, FOOTPRINTS[process.name])
    return [Decimal(str(count or 0)) for count in counts]


async def effect(caller: Caller, path: str, times: int) -> tuple[list[Decimal], set[bytes]]:
    """Send a new request so many times at once. Return the change of the footprint, and the distinct replies."""
    request = await WRITES[path](caller)
    before = footprint(caller.process(path))
    replies = await asyncio.gather(*(caller.wire(path, request) for _ in range(times)))
    if service_of(path) == "orders":
        # A reply that was sent while the order is in progress differs. Once the order has ended, all are equal.
        reply: Any = GetMessageClass(methods()[path].output_type).FromString(replies[0])
        await wait_until_ended(caller, reply.order.name)
        replies = [await caller.wire(path, request) for _ in replies]
    after = footprint(caller.process(path))
    return [new - old for new, old in zip(after, before, strict=True)], set(replies)


async def wait_until_ended(caller: Caller, order: str) -> None:
    """Wait for the end of an order."""
    async for attempt in eventually():
        with attempt:
            reply = await caller.reply(f"{ORDERS}GetOrder", orders_pb2.GetOrderRequest(name=order))
            assert reply.order.state in {CONFIRMED, CANCELLED}


async def open_database_of(process: Process) -> Database:
    """Open the database of a process that may be running."""
    return await open_database(process.database_url, ROOT / "services" / process.name / "migrations")


async def update_record(process: Process, request: Message, **values: object) -> None:
    """Update the stored record of a request."""
    database = await open_database_of(process)
    condition = requests.c.request_id == getattr(request, "request_id")  # noqa: B009  # not every Message has the field
    async with database.write() as connection:
        await connection.execute(update(requests).where(condition).values(values))
    await database.close()


async def change_resource(caller: Caller, path: str, first_reply: bytes) -> bytes:
    """Change the resource in the reply of a request, and return the reply of the change."""
    next_path, request_type = NEXT_STEPS[path]
    reply_type = GetMessageClass(methods()[path].output_type)
    [(_, resource)] = reply_type.FromString(first_reply).ListFields()
    return await caller.wire(next_path, request_type(request_id=new_id(), name=resource.name))


def test_all_writes_are_tested() -> None:
    writes = {path for path, method in methods().items() if "request_id" in method.input_type.fields_by_name}
    assert writes == WRITES.keys() | TESTED_ELSEWHERE.keys()


@pytest.mark.parametrize("path", WRITES, ids=lambda path: path.rpartition("/")[2])
async def test_fifty_equal_requests_at_once_have_one_effect_and_one_reply(caller: Caller, path: str) -> None:
    one, _ = await effect(caller, path, 1)
    fifty, replies = await effect(caller, path, 50)
    assert (fifty, len(replies)) == (one, 1)


@pytest.mark.parametrize("path", NEXT_STEPS, ids=lambda path: path.rpartition("/")[2])
async def test_a_repeated_request_gets_the_first_reply_even_after_a_change(caller: Caller, path: str) -> None:
    request = await WRITES[path](caller)
    first = await caller.wire(path, request)
    await change_resource(caller, path, first)
    assert await caller.wire(path, request) == first


@pytest.mark.parametrize("path", NEXT_STEPS, ids=lambda path: path.rpartition("/")[2])
async def test_a_request_without_a_stored_reply_gets_the_resource_as_it_is_now(caller: Caller, path: str) -> None:
    request = await WRITES[path](caller)
    first = await caller.wire(path, request)
    await update_record(caller.process(path), request, reply=None)
    assert await caller.wire(path, request) == first
    changed = await change_resource(caller, path, first)
    # The two methods' replies have different types, but the same bytes: one resource in field 1.
    assert await caller.wire(path, request) == changed


# The callers of these are not logged in, or have to be a user of the same id as the customer.
USERS = {
    path: f"users/{new_id()}" for path in WRITES if path != f"{IDENTITY}CreateUser" and "/shop.orders." not in path
}


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.rpartition("/")[2])
async def test_each_user_has_request_ids_of_their_own(caller: Caller, path: str) -> None:
    requests_of: dict[str, Any] = {user: await WRITES[path](caller) for user in (USERS[path], f"users/{new_id()}", "")}
    request_id = new_id()
    replies = {}
    for user, request in requests_of.items():
        request.request_id = request_id
        replies[user] = await caller.wire(path, request, user)
    for user, request in requests_of.items():
        assert await caller.wire(path, request, user) == replies[user]


async def test_a_user_cannot_use_a_request_id_twice(caller: Caller) -> None:
    for user in (f"users/{new_id()}", "", f"users/{new_id()}"):
        request = inventory_pb2.ReceiveStockRequest(request_id="twice", name="stocks/p-0014", pieces=1)
        await caller.wire(f"{INVENTORY}ReceiveStock", request, user)
        request.pieces = 2
        error = await refused(caller.wire(f"{INVENTORY}ReceiveStock", request, user))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_two_customers_with_one_request_id_have_an_order_each(caller: Caller) -> None:
    orders = set()
    for path in (f"{ORDERS}PlaceOrder", f"{ORDERS_V2}PlaceOrder"):
        for _ in range(2):
            request: Any = await WRITES[path](caller)
            request.request_id, request.customer = "1", "customers/me"
            user = f"users/{new_id()}"
            first, second = [(await caller.reply(path, request, user)).order.name for _ in range(2)]
            assert first == second
            orders.add(first)
    assert len(orders) == 4


async def test_two_people_with_one_request_id_sign_up(caller: Caller) -> None:
    names = set()
    for _ in range(2):
        request: Any = await WRITES[f"{IDENTITY}CreateUser"](caller)
        request.request_id = "sign-up"
        names.add((await caller.reply(f"{IDENTITY}CreateUser", request)).user.name)
        request.user.email = request.user.email.upper()
        error = await refused(caller.wire(f"{IDENTITY}CreateUser", request))
        assert error.reason == "REQUEST_ID_REUSED", "an e-mail address is the same in capital letters"
    assert len(names) == 2


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(service, marks=[] if service == "orders" else [pytest.mark.prove])
        for service in sorted({service_of(path) for path in WRITES})
    ],
)
async def test_records_of_requests_are_deleted_when_they_expire(start: Start, service: str) -> None:
    process = start(service)
    assert process.stop() == 0
    now = datetime.now(UTC)
    ages = {f"expired-{number}": RETENTION + timedelta(minutes=1 + number) for number in range(2 * DELETE_BATCH + 1)}
    ages |= {"recent": RETENTION - timedelta(minutes=1)}
    row = {"digest": b"", "resource_id": "none"}
    database = await open_database_of(process)
    async with database.write() as connection:
        rows = [{"request_id": key, "create_time": now - age, **row} for key, age in ages.items()]
        await connection.defer(insert(requests), rows)
    start(service)
    async for attempt in eventually():
        with attempt:
            async with database.read() as connection:
                remaining = await connection.execute(select(requests.c.request_id))
            assert [request_id for (request_id,) in remaining] == ["recent"]
    await database.close()


async def test_a_request_whose_record_was_deleted_counts_as_new(start: Start) -> None:
    process = start("inventory")
    caller = Caller(lambda _: process)
    reserve, commit = await reserve_stock_request(caller), await WRITES[f"{INVENTORY}CommitReservation"](caller)
    replies = [
        await caller.wire(f"{INVENTORY}ReserveStock", reserve),
        await caller.wire(f"{INVENTORY}CommitReservation", commit),
    ]
    before = footprint(process)
    await caller.close()
    for request in (reserve, commit):
        await update_record(process, request, create_time=datetime.now(UTC) - RETENTION)
    process.stop()
    process = start("inventory")
    caller = Caller(lambda _: process)
    async for attempt in eventually():
        with attempt:
            assert len(query(process.database_url, "SELECT request_id FROM requests")) == 1
    assert await caller.wire(f"{INVENTORY}CommitReservation", commit) == replies[1], "sold once"
    assert footprint(process) == before
    assert await caller.wire(f"{INVENTORY}ReserveStock", reserve) != replies[0]
    assert [new - old for new, old in zip(footprint(process), before, strict=True)] == [1, -2, 2, 0]
    await caller.close()
