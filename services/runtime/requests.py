"""Requests that may be sent again: a request_id is remembered together with what the request made, and its reply.

The row and the effect are one transaction, so there is never one without the other, whatever dies when.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from sqlalchemy import Column, Index, LargeBinary, MetaData, Row, String, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database
from services.runtime.instants import Instant
from services.runtime.postgresql import hold

# How long a request is remembered. Callers that get no answer ask again for minutes; what a process left unfinished is
# carried on within seconds of its next start; the longest is a person who comes back from leave to what got stuck.
MEMORY = timedelta(days=30)
# So many are forgotten in one transaction: milliseconds, for which SQLite's other writers wait.
BATCH = 500

# A table of its own MetaData: every service has the same one, made by the service's first migration.
requests = Table(
    "requests",
    MetaData(),
    Column("request_id", String(64), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("create_time", Instant, nullable=False),
    # Empty where the request is answered with what it made as that is now; and in rows of code that kept no replies.
    Column("reply", LargeBinary),
    Index("requests_by_create_time", "create_time"),
)


class RequestIdReusedError(Exception):
    """The request_id was used before, by another method or with other contents."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"the request_id {request_id!r} was used for another request")


class IdentifiedRequest(Protocol):
    """A request message with a request_id."""

    DESCRIPTOR: Descriptor
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802  # protobuf's name
        """Answer the message's bytes."""


class Resource(Protocol):
    """Whatever a request makes or changes."""

    @property
    def id(self) -> str:
        """The id in its resource name."""


Result = TypeVar("Result", bound=Resource)
Reply = TypeVar("Reply", bound=Message)


async def reply_once(
    connection: AsyncConnection,
    request: IdentifiedRequest,
    change: Callable[[], Awaitable[Result]],
    find: Callable[[str], Awaitable[Result]],
    write: Callable[[Result], Reply],
) -> Reply:
    """Carry `change` out and `write` what it answers; if this request was carried out before, repeat what was written.

    For a request that is one transaction: the caller's. The reply is stored in it, so it must hold no secret. `find`
    answers by its id what a request has made. Raises RequestIdReusedError. A change that raises is not remembered.
    """
    await hold(connection, request.request_id)
    known = await _row(connection, request)
    if known is None:
        result = await change()
        reply = write(result)
        await _remember(connection, request, result.id, reply.SerializeToString())
        return reply
    reply = write(await find(known.resource_id))
    if known.reply is not None:
        reply.ParseFromString(known.reply)
    return reply


async def once(
    connection: AsyncConnection,
    request: IdentifiedRequest,
    change: Callable[[], Awaitable[Result]],
    find: Callable[[str], Awaitable[Result]],
) -> Result:
    """Carry `change` out unless this request was carried out before; then `find` by its id what that had made.

    For a request that goes on after the caller's transaction, in which this runs: its answer is the resource as it is
    now. Raises RequestIdReusedError. A change that raises is not remembered.
    """
    # The same request, sent twice at once, waits here until the first has made its effect.
    await hold(connection, request.request_id)
    known = await recall(connection, request)
    if known is not None:
        return await find(known)
    result = await change()
    await _remember(connection, request, result.id)
    return result


async def recall(connection: AsyncConnection, request: IdentifiedRequest) -> str | None:
    """Answer the id of what this very request made before; None if it is new. Raises RequestIdReusedError."""
    known = await _row(connection, request)
    return None if known is None else str(known.resource_id)


async def forget(database: Database) -> None:
    """Remove what is older than MEMORY, in short transactions."""
    old = requests.c.create_time < datetime.now(UTC) - MEMORY
    some = select(requests.c.request_id).where(old).order_by(requests.c.create_time).limit(BATCH)
    # Processes that do so at the same time do not wait for each other.
    removal = delete(requests).where(requests.c.request_id.in_(some.with_for_update(skip_locked=True)))
    removed = BATCH
    while removed == BATCH:
        async with database.write(shared=True) as connection:
            removed = (await connection.execute(removal)).rowcount


async def _row(connection: AsyncConnection, request: IdentifiedRequest) -> Row[Any] | None:
    row = (await connection.execute(select(requests).where(requests.c.request_id == request.request_id))).one_or_none()
    if row is not None and row.digest != _digest(request):
        raise RequestIdReusedError(request.request_id)
    return row


async def _remember(
    connection: AsyncConnection, request: IdentifiedRequest, resource_id: str, reply: bytes | None = None
) -> None:
    await connection.execute(
        insert(requests).values(
            request_id=request.request_id,
            digest=_digest(request),
            resource_id=resource_id,
            create_time=datetime.now(UTC),
            reply=reply,
        )
    )


def _digest(request: IdentifiedRequest) -> bytes:
    # The type's name stands for the method: each method has a request type of its own.
    return hashlib.sha256(
        request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    ).digest()
