"""Requests that may be sent again: each takes effect once, and its reply is stored together with the effect.

The request's row and its effect are one transaction, so neither exists without the other, whenever a process dies.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Column, Index, LargeBinary, MetaData, String, Table, bindparam, delete, insert, select

from services.runtime.storage.connection import Connection
from services.runtime.storage.database import Database
from services.runtime.storage.statements import Row
from services.runtime.storage.types import UtcDateTime

# How long a request is remembered. Clients that got no reply send it again for minutes, a saga's recovery for seconds.
# An operator who returns from vacation and resumes an order needs the longest.
RETENTION = timedelta(days=30)
# Rows deleted per transaction: milliseconds, during which other writers of SQLite wait.
DELETE_BATCH = 500

# In a separate MetaData: every service's first migration creates the same table.
requests = Table(
    "requests",
    MetaData(),
    # RequestKey.id, or RequestKey.scoped_id if that id was taken in another scope. Older code looks for the plain id.
    Column("request_id", String(64), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    # RequestKey.scope; NULL in rows of older code, whose ids were everyone's.
    Column("scope", String),
    # NULL if a repeated request gets the resource as it is now, and in rows of older code, which stored no replies.
    Column("reply", LargeBinary),
    Index("requests_by_create_time", "create_time"),
)
BY_IDS = select(requests).where(requests.c.request_id.in_([bindparam("id"), bindparam("scoped_id")]))
INSERT = insert(requests)
EXPIRED = (
    select(requests.c.request_id)
    .where(requests.c.create_time < bindparam("before"))
    .order_by(requests.c.create_time)
    .limit(DELETE_BATCH)
    # Replicas that delete at the same time do not wait for each other.
    .with_for_update(skip_locked=True)
)
DELETE_EXPIRED = delete(requests).where(requests.c.request_id.in_(EXPIRED))


class RequestIdReusedError(Exception):
    """The request_id was used before, by another method or with other content."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"the request_id {request_id!r} was used for another request")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Identifies a request: the `id` that its caller chose, and a `digest` (SHA-256) of its method and content.

    The ids of each `scope` are separate: a user's resource name, or "" for calls between services.
    """

    id: str
    digest: bytes
    scope: str = ""

    @property
    def scoped_id(self) -> str:
        """The id of the request's row if another scope has taken `id`. No caller's id has a "~"."""
        return "~" + hashlib.sha256(f"{self.scope}\0{self.id}".encode()).hexdigest()[:63]


class Resource(Protocol):
    """Something that a request creates or changes."""

    @property
    def id(self) -> str:
        """The id in its resource name."""


ResourceT = TypeVar("ResourceT", bound=Resource)
ReplyT = TypeVar("ReplyT", bound=Message)


class IdempotentRequests(Generic[ResourceT, ReplyT]):
    """Carries out each request once, in one transaction, and repeats the stored reply if the request comes again."""

    def __init__(
        self,
        database: Database,
        find: Callable[[Connection, str], Awaitable[ResourceT]],
        to_reply: Callable[[ResourceT], ReplyT],
    ) -> None:
        """Create it. `find` reads a resource by its id; `to_reply` builds the reply.

        The reply is stored, so it must hold no secret.
        """
        self._database = database
        self._find = find
        self._to_reply = to_reply

    async def run(
        self, key: RequestKey, change: Callable[[Connection], Awaitable[ResourceT]], *, shared: bool = True
    ) -> ReplyT:
        """Run `change` in a write transaction and return the reply about its result, or the stored reply.

        `shared` is that of Database.write. Raises RequestIdReusedError. A change that raises is not remembered.
        """
        async with self._database.write(shared=shared) as connection:
            # The same request, sent twice at the same time, waits here until the first one has committed.
            await connection.lock_name(key.id)
            request, row_id = await _find_row(connection, key)
            if request is None:
                resource = await change(connection)
                reply = self._to_reply(resource)
                await _store(connection, key, row_id, resource.id, reply.SerializeToString())
                return reply
            reply = self._to_reply(await self._find(connection, request.resource_id))
            if request.reply is not None:
                reply.ParseFromString(request.reply)
            return reply


async def run_once(
    connection: Connection,
    key: RequestKey,
    change: Callable[[], Awaitable[ResourceT]],
    find: Callable[[str], Awaitable[ResourceT]],
) -> tuple[ResourceT, bool]:
    """Run `change` in the caller's transaction, or `find` what it created if the request was carried out before.

    Returns the resource, and whether this call has changed it. For a request whose work continues after the
    transaction: a repeated one gets the resource as it is now. Raises RequestIdReusedError. A change that raises is not
    remembered.
    """
    await connection.lock_name(key.id)
    request, row_id = await _find_row(connection, key)
    if request is not None:
        return await find(request.resource_id), False
    resource = await change()
    await _store(connection, key, row_id, resource.id)
    return resource, True


async def find_request(connection: Connection, key: RequestKey) -> str | None:
    """Return the id of the resource that this request created or changed before; None if the request is new.

    Raises RequestIdReusedError.
    """
    row, _ = await _find_row(connection, key)
    return None if row is None else str(row.resource_id)


async def delete_expired(database: Database) -> None:
    """Delete requests older than RETENTION, in short transactions."""
    before = datetime.now(UTC) - RETENTION
    deleted = DELETE_BATCH
    while deleted == DELETE_BATCH:
        async with database.write(shared=True) as connection:
            deleted = (await connection.execute(DELETE_EXPIRED, {"before": before})).rowcount


async def _find_row(connection: Connection, key: RequestKey) -> tuple[Row | None, str]:
    """Return the row of a request, if there is one, and the id for a new row."""
    rows = await connection.execute(BY_IDS, {"id": key.id, "scoped_id": key.scoped_id})
    by_scope = {row.scope: row for row in rows}
    row = by_scope.get(key.scope) or by_scope.get(None)
    if row is not None and row.digest != key.digest:
        raise RequestIdReusedError(key.id)
    return row, key.scoped_id if by_scope else key.id


async def _store(
    connection: Connection, key: RequestKey, row_id: str, resource_id: str, reply: bytes | None = None
) -> None:
    await connection.defer(
        INSERT,
        {
            "request_id": row_id,
            "digest": key.digest,
            "resource_id": resource_id,
            "create_time": datetime.now(UTC),
            "scope": key.scope,
            "reply": reply,
        },
    )
