"""Queries that read a table page by page."""

from typing import Any

from sqlalchemy import Column, Select, Table, and_, or_, select


def newest_first(table: Table, time: Column[Any], after: str, limit: int) -> Select[Any]:
    """Select up to `limit` rows, the newest first, that follow the row with the id `after`; "" means from the start.

    Rows with the same `time` are sorted by id. New rows sort before those already returned, so a reader neither misses
    nor repeats a row.
    """
    query = select(table)
    if after:
        last = table.alias()
        older = or_(time < last.c[time.name], and_(time == last.c[time.name], table.c.id < last.c.id))
        query = query.join(last, and_(last.c.id == after, older))
    return query.order_by(time.desc(), table.c.id.desc()).limit(limit)
