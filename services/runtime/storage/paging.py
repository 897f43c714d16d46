"""Queries that read a table page by page."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, Table, and_, bindparam, or_, select

from services.runtime.storage.connection import Connection
from services.runtime.storage.statements import Row


class NewestFirst:
    """Reads a table page by page, the newest row first.

    Rows with the same time are sorted by id. New rows sort before those already returned, so a reader neither misses
    nor repeats a row.
    """

    def __init__(self, table: Table, time: Column[Any], *conditions: ColumnElement[bool]) -> None:
        """Build the statements for the rows that match the conditions. They may have parameters: bindparam("name")."""
        last = table.alias()
        older = or_(time < last.c[time.name], and_(time == last.c[time.name], table.c.id < last.c.id))
        limit = bindparam("limit", type_=Integer)
        self._first_page = select(table).where(*conditions).order_by(time.desc(), table.c.id.desc()).limit(limit)
        self._next_page = self._first_page.join(last, and_(last.c.id == bindparam("after"), older))

    async def read(self, connection: Connection, after: str, limit: int, **parameters: object) -> Iterable[Row]:
        """Return up to `limit` rows that follow the row with the id `after`; "" means from the start.

        `parameters` are those of the conditions.
        """
        statement = self._next_page if after else self._first_page
        return await connection.execute(statement, {"after": after, "limit": limit, **parameters})
