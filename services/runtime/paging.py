"""Pages of a list: how many entries to answer, and where the next page begins."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, Select, Table, and_, or_, select

from services.runtime.validation import InvalidFieldsError, Violation

DEFAULT_SIZE = 50
MOST_SIZE = 100
# So many bytes at the start of a token tell which list it is of.
MARK_BYTES = 8

Entry = TypeVar("Entry")


class ListRequest(Protocol):
    """A request for a page of a list."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that a call asks for: at most `size` entries, from the one after the key `after` on.

    `query` tells one list from another, for example "products?category=tea". `after` is empty for the first page.
    """

    query: str
    size: int
    after: str

    @property
    def limit(self) -> int:
        """How many entries to look up: one more than the page holds, to see whether there is a next page."""
        return self.size + 1

    def cut(self, found: Sequence[Entry], key: Callable[[Entry], str]) -> tuple[Sequence[Entry], str]:
        """Answer the entries of this page and the token of the next, which is empty if nothing follows."""
        if len(found) <= self.size:
            return found, ""
        page = found[: self.size]
        token = base64.urlsafe_b64encode(_mark(self.query) + key(page[-1]).encode())
        return page, token.decode().rstrip("=")


def newest_first(table: Table, time: Column[Any], after: str, limit: int) -> Select[Any]:
    """Select up to `limit` rows, the newest first, from the one that follows the id `after` on.

    Rows of one `time` come in the order of their ids. New rows stand before those that were shown, so a reader misses
    and repeats none.
    """
    query = select(table)
    if after:
        last = table.alias()
        older = or_(time < last.c[time.name], and_(time == last.c[time.name], table.c.id < last.c.id))
        query = query.join(last, and_(last.c.id == after, older))
    return query.order_by(time.desc(), table.c.id.desc()).limit(limit)


def read_page(request: ListRequest, query: str) -> Page:
    """Read which page of the list `query` a request asks for. Raises InvalidFieldsError."""
    after = _key(request.page_token, query)
    if after is None:
        # Whose token it is no rule of the contract can see.
        description = "must be the next_page_token of another page of the same list"
        raise InvalidFieldsError([Violation("page_token", description)])
    return Page(query, min(request.page_size or DEFAULT_SIZE, MOST_SIZE), after)


def _key(token: str, query: str) -> str | None:
    """Answer the key in a token, an empty one if there is no token; None if it is not one of `query`."""
    if not token:
        return ""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        mark, key = content[:MARK_BYTES], content[MARK_BYTES:].decode()
    except (binascii.Error, ValueError):
        return None
    # No key of ours has a NUL, and PostgreSQL would not compare with one.
    return key if mark == _mark(query) and key and "\0" not in key else None


def _mark(query: str) -> bytes:
    return hashlib.sha256(query.encode()).digest()[:MARK_BYTES]
