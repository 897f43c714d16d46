"""A request may be sent again: whatever its method, it has one effect and one reply, until it is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

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
from tests.services.conftest import Shared, Start
from tests.services.databases import query
from tests.services.harness import ROOT, Process
from tests.services.shop import CANCELLED, CONFIRMED, new_id, patiently
from tests.services.writes import ELSEWHERE, INVENTORY, ORDERS, PAYMENTS, SHIPPING, WRITES, Caller, reserving
from tests.tidy.contracts import methods, service_of

# What is counted to see an effect: rows, and sums over them, of what a second effect would add to.
FOOTPRINTS = {
    "catalog": "SELECT count(*), sum(revision), sum(price_cents) FROM products",
    "inventory": "SELECT (SELECT count(*) FROM reservations), sum(available), sum(reserved), sum(sold) FROM stocks",
    "payments": "SELECT count(*), sum(cents) FROM payments",
    "shipping": "SELECT count(*), sum(pieces) FROM shipments",
    "identity": "SELECT count(*), sum(revision) FROM users",
    "orders": "SELECT count(*), (SELECT count(*) FROM outbox) FROM orders",
}
# Path → what changes what such a request has made: the method and its request.
MOVES = {
    f"{INVENTORY}ReserveStock": (f"{INVENTORY}CommitReservation", inventory_pb2.CommitReservationRequest),
    f"{INVENTORY}CommitReservation": (f"{INVENTORY}ReturnReservation", inventory_pb2.ReturnReservationRequest),
    f"{PAYMENTS}AuthorizePayment": (f"{PAYMENTS}VoidPayment", payments_pb2.VoidPaymentRequest),
    f"{PAYMENTS}CapturePayment": (f"{PAYMENTS}RefundPayment", payments_pb2.RefundPaymentRequest),
    f"{SHIPPING}BookShipment": (f"{SHIPPING}CancelShipment", shipping_pb2.CancelShipmentRequest),
}


@pytest.fixture
async def caller(shared: Shared) -> AsyncIterator[Caller]:
    calling = Caller(shared)
    yield calling
    await calling.close()


def footprint(process: Process) -> list[Decimal]:
    """Answer the counts by which an effect is seen."""
    [counts] = query(process.database_url, FOOTPRINTS[process.name])
    return [Decimal(str(count or 0)) for count in counts]


async def effect(caller: Caller, path: str, times: int) -> tuple[list[Decimal], set[bytes]]:
    """Send a new request so many times at once, and answer what it added to the footprint, and the replies."""
    request = await WRITES[path](caller)
    before = footprint(caller.process(path))
    replies = await asyncio.gather(*(caller.wire(path, request) for _ in range(times)))
    if service_of(path) == "orders":
        # Who is answered while the order is under way is told so: by and by all are told the same.
        reply: Any = GetMessageClass(methods()[path].output_type).FromString(replies[0])
        await ended(caller, reply.order.name)
        replies = [await caller.wire(path, request) for _ in replies]
    after = footprint(caller.process(path))
    return [new - old for new, old in zip(after, before, strict=True)], set(replies)


async def ended(caller: Caller, order: str) -> None:
    """Wait for the end of an order."""
    async for attempt in patiently():
        with attempt:
            reply = await caller.reply(f"{ORDERS}GetOrder", orders_pb2.GetOrderRequest(name=order))
            assert reply.order.state in {CONFIRMED, CANCELLED}


async def kept(process: Process) -> Database:
    """Open the database of a process, beside it."""
    return await open_database(process.database_url, ROOT / "services" / process.name / "migrations")


async def change(process: Process, request: Message, **values: object) -> None:
    """Change what is kept of a request."""
    database = await kept(process)
    this = requests.c.request_id == getattr(request, "request_id")  # noqa: B009  # mypy knows no message that has none
    async with database.write() as connection:
        await connection.execute(update(requests).where(this).values(values))
    await database.close()


async def settle(caller: Caller, path: str, made: bytes) -> bytes:
    """Have what a request made become something else, and answer the reply."""
    then, request = MOVES[path]
    kind = methods()[path].output_type
    [(_, resource)] = GetMessageClass(kind).FromString(made).ListFields()
    return await caller.wire(then, request(request_id=new_id(), name=resource.name))


def test_every_write_is_sent_again_here() -> None:
    carrying = {path for path, method in methods().items() if "request_id" in method.input_type.fields_by_name}
    assert carrying == WRITES.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("path", WRITES, ids=lambda path: path.rpartition("/")[2])
async def test_fifty_equal_requests_at_once_have_one_effect_and_one_reply(caller: Caller, path: str) -> None:
    one, _ = await effect(caller, path, 1)
    fifty, replies = await effect(caller, path, 50)
    assert (fifty, len(replies)) == (one, 1)


@pytest.mark.parametrize("path", MOVES, ids=lambda path: path.rpartition("/")[2])
async def test_a_reply_stays_what_it_was_whatever_happens_afterwards(caller: Caller, path: str) -> None:
    request = await WRITES[path](caller)
    first = await caller.wire(path, request)
    await settle(caller, path, first)
    assert await caller.wire(path, request) == first


@pytest.mark.parametrize("path", MOVES, ids=lambda path: path.rpartition("/")[2])
async def test_a_request_of_code_that_kept_no_replies_is_answered_with_what_it_made_as_it_is_now(
    caller: Caller, path: str
) -> None:
    request = await WRITES[path](caller)
    first = await caller.wire(path, request)
    await change(caller.process(path), request, reply=None)
    assert await caller.wire(path, request) == first
    settled = await settle(caller, path, first)
    # Replies that hold one resource are all the same on the wire.
    assert await caller.wire(path, request) == settled


@pytest.mark.parametrize("service", sorted({service_of(path) for path in WRITES}))
async def test_requests_are_forgotten_after_their_time(start: Start, service: str) -> None:
    process = start(service)
    assert process.stop() == 0
    now = datetime.now(UTC)
    ages = {f"old-{number}": RETENTION + timedelta(minutes=1 + number) for number in range(2 * DELETE_BATCH + 1)}
    ages |= {"young": RETENTION - timedelta(minutes=1)}
    row = {"digest": b"", "resource_id": "none"}
    database = await kept(process)
    async with database.write() as connection:
        rows = [{"request_id": key, "create_time": now - age, **row} for key, age in ages.items()]
        await connection.execute(insert(requests), rows)
    start(service)
    async for attempt in patiently():
        with attempt:
            async with database.read() as connection:
                left = await connection.execute(select(requests.c.request_id))
            assert [request_id for (request_id,) in left] == ["young"]
    await database.close()


async def test_a_request_that_was_forgotten_counts_as_new(start: Start) -> None:
    process = start("inventory")
    caller = Caller(lambda _: process)
    reserve, commit = await reserving(caller), await WRITES[f"{INVENTORY}CommitReservation"](caller)
    replies = [
        await caller.wire(f"{INVENTORY}ReserveStock", reserve),
        await caller.wire(f"{INVENTORY}CommitReservation", commit),
    ]
    before = footprint(process)
    await caller.close()
    for request in (reserve, commit):
        await change(process, request, create_time=datetime.now(UTC) - RETENTION)
    process.stop()
    process = start("inventory")
    caller = Caller(lambda _: process)
    async for attempt in patiently():
        with attempt:
            assert len(query(process.database_url, "SELECT request_id FROM requests")) == 1
    assert await caller.wire(f"{INVENTORY}CommitReservation", commit) == replies[1], "sold once, for good"
    assert footprint(process) == before
    assert await caller.wire(f"{INVENTORY}ReserveStock", reserve) != replies[0]
    assert [new - old for new, old in zip(footprint(process), before, strict=True)] == [1, -2, 2, 0]
    await caller.close()
