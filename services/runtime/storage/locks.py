"""Locks on names, for what has no row yet that could be locked."""

from sqlalchemy import text

from services.runtime.storage.connection import Connection

_LOCK_NAME = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def lock_name(connection: Connection, name: str) -> None:
    """Lock `name` until the transaction ends, waiting for another transaction that holds it.

    Does nothing on SQLite, which has a single writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(_LOCK_NAME, {"name": name})
