"""Locks on names, for what has no row yet that could be locked."""

from services.runtime.storage.connection import Connection
from services.runtime.storage.postgresql import WriteConnection


async def lock_name(connection: Connection, name: str) -> None:
    """Lock `name` until the transaction ends, waiting for another transaction that holds it.

    Does nothing on SQLite, which has a single writer at a time anyway.
    """
    if isinstance(connection, WriteConnection):
        await connection.lock_name(name)
