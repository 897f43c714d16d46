"""Storage: transactions and migrations on SQLite and PostgreSQL, idempotent requests, and paging queries."""

from services.runtime.storage.connection import Connection
from services.runtime.storage.database import Database
from services.runtime.storage.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError
from services.runtime.storage.idempotency import (
    IdempotentRequests,
    ReplyT,
    RequestIdReusedError,
    RequestKey,
    find_request,
    run_once,
)
from services.runtime.storage.paging import NewestFirst
from services.runtime.storage.statements import Row
from services.runtime.storage.types import UtcDateTime

__all__ = [
    "Connection",
    "Database",
    "DatabaseBusyError",
    "DatabaseUnavailableError",
    "IdempotentRequests",
    "NewestFirst",
    "ReplyT",
    "RequestIdReusedError",
    "RequestKey",
    "Row",
    "UtcDateTime",
    "WriteConflictError",
    "find_request",
    "run_once",
]
