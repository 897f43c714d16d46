"""Pages of a list: how many entries to return, and where the next page starts."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from services.runtime.rpc.validation import InvalidFieldsError, Violation

DEFAULT_SIZE = 50
MAX_SIZE = 100
# The messages of a page. As JSON, which the gateway makes of them, they have up to four times as many bytes: 1 MiB.
MAX_PAGE_BYTES = 256 * 1024
# The first bytes of a page token identify the list that it belongs to.
LIST_DIGEST_BYTES = 8

EntryT = TypeVar("EntryT")
MessageT = TypeVar("MessageT", bound=Message)


class ListRequest(Protocol):
    """A request for one page of a list."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page of the list `query`: at most `size` entries that follow the key `after`.

    `query` identifies the list, for example "products?category=tea". `after` is empty for the first page.
    """

    query: str
    size: int
    after: str

    @property
    def limit(self) -> int:
        """The number of entries to read: one more than the page holds, which shows whether another page follows."""
        return self.size + 1

    def cut(
        self, entries: Sequence[EntryT], key: Callable[[EntryT], str], write: Callable[[EntryT], MessageT]
    ) -> tuple[Sequence[MessageT], str]:
        """Return the messages of this page's entries, and the token of the next page, which is empty on the last page.

        `entries` are those read for the page, `limit` at most. `key` returns what the next page starts after. The page
        has fewer than `size` entries if their messages would have more than MAX_PAGE_BYTES.
        """
        messages: list[MessageT] = []
        room = MAX_PAGE_BYTES
        for entry in entries[: self.size]:
            message = write(entry)
            room -= message.ByteSize()
            if room < 0 and messages:
                break
            messages.append(message)
        if len(messages) == len(entries):
            return messages, ""
        token = base64.urlsafe_b64encode(_list_digest(self.query) + key(entries[len(messages) - 1]).encode())
        return messages, token.decode().rstrip("=")


def read_page(request: ListRequest, query: str) -> Page:
    """Read which page of the list `query` is requested. Raises InvalidFieldsError."""
    after = _key(request.page_token, query)
    if after is None:
        # The rules of the contract cannot check which list a token belongs to.
        description = "must be the next_page_token of another page of the same list"
        raise InvalidFieldsError([Violation("page_token", description)])
    return Page(query, min(request.page_size or DEFAULT_SIZE, MAX_SIZE), after)


def _key(token: str, query: str) -> str | None:
    """Return the key in a token, "" if there is no token, and None if the token does not belong to `query`."""
    if not token:
        return ""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        digest, key = content[:LIST_DIGEST_BYTES], content[LIST_DIGEST_BYTES:].decode()
    except (binascii.Error, ValueError):
        return None
    # No key contains NUL, and PostgreSQL rejects texts that do.
    return key if digest == _list_digest(query) and key and "\0" not in key else None


def _list_digest(query: str) -> bytes:
    return hashlib.sha256(query.encode()).digest()[:LIST_DIGEST_BYTES]
