"""Storage: transactions and migrations on SQLite and PostgreSQL, idempotent requests, locks and paging queries."""

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
from services.runtime.storage.locks import lock_name
from services.runtime.storage.paging import NewestFirst
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
    "UtcDateTime",
    "WriteConflictError",
    "find_request",
    "lock_name",
    "run_once",
]
