"""Requests that may be sent again: a request_id is remembered together with what the request made.

The row and the effect are one transaction, so there is never one without the other, whatever dies when.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from google.protobuf.descriptor import Descriptor
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.instants import Instant
from services.runtime.postgresql import hold

# A table of its own MetaData: every service has the same one, made by the service's first migration.
requests = Table(
    "requests",
    MetaData(),
    Column("request_id", String(64), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("create_time", Instant, nullable=False),
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


async def once(
    connection: AsyncConnection,
    request: IdentifiedRequest,
    change: Callable[[], Awaitable[Result]],
    find: Callable[[str], Awaitable[Result]],
) -> Result:
    """Carry `change` out unless this request was carried out before; then `find` by its id what that had made.

    Runs in the caller's write transaction. Raises RequestIdReusedError. A change that raises is not remembered.
    """
    # The same request, sent twice at once, waits here until the first has made its effect.
    await hold(connection, request.request_id)
    known = await recall(connection, request)
    if known is not None:
        return await find(known)
    result = await change()
    await remember(connection, request, result.id)
    return result


async def recall(connection: AsyncConnection, request: IdentifiedRequest) -> str | None:
    """Answer the id of what this very request made before; None if it is new. Raises RequestIdReusedError."""
    row = (await connection.execute(select(requests).where(requests.c.request_id == request.request_id))).one_or_none()
    if row is None:
        return None
    if row.digest != _digest(request):
        raise RequestIdReusedError(request.request_id)
    return str(row.resource_id)


async def remember(connection: AsyncConnection, request: IdentifiedRequest, resource_id: str) -> None:
    """Note, in the transaction of the effect, that the request made `resource_id`."""
    await connection.execute(
        insert(requests).values(
            request_id=request.request_id,
            digest=_digest(request),
            resource_id=resource_id,
            create_time=datetime.now(UTC),
        )
    )


def _digest(request: IdentifiedRequest) -> bytes:
    # The type's name stands for the method: each method has a request type of its own.
    return hashlib.sha256(
        request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    ).digest()
