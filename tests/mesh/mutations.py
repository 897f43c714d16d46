"""Defects of the evaluator of `mesh why`, which the tests must find."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, cast

from mesh.local.why import rbac
from mesh.local.why.matchers import STRINGS

Table = MutableMapping[str, Callable[[Any, Any], bool]]
PERMISSIONS, PRINCIPALS, TEXTS = cast("tuple[Table, Table, Table]", (rbac.PERMISSIONS, rbac.PRINCIPALS, STRINGS))
SEEN_IN_MATRIX: dict[str, tuple[Table, str, Callable[[Any, Any], bool]]] = {
    "every certificate is the right one": (PRINCIPALS, "authenticated", lambda *_: True),
    "a token has every claim": (PRINCIPALS, "metadata", lambda *_: True),
    "a path is any path": (PERMISSIONS, "url_path", lambda *_: True),
}
"""Name → the part of the evaluator that is replaced, and with what."""
SEEN_IN_POLICIES: dict[str, tuple[Table, str, Callable[[Any, Any], bool]]] = {
    "a header is always there": (PRINCIPALS, "header", lambda *_: True),
    "excluded operations are allowed": (PERMISSIONS, "not_rule", lambda *_: True),
    "excluded callers are allowed": (PRINCIPALS, "not_id", lambda *_: True),
    "no source address matches": (PRINCIPALS, "direct_remote_ip", lambda *_: False),
    "the first address is no address": (PRINCIPALS, "remote_ip", lambda *_: False),
    "every port matches": (PERMISSIONS, "destination_port", lambda *_: True),
    "no server name matches": (PERMISSIONS, "requested_server_name", lambda *_: False),
    "no template matches": (PERMISSIONS, "uri_template", lambda *_: False),
    "a method or host is any": (PERMISSIONS, "header", lambda *_: True),
    "a prefix is exact": (TEXTS, "prefix", lambda pattern, text: bool(pattern == text)),
    "a suffix is exact": (TEXTS, "suffix", lambda pattern, text: bool(pattern == text)),
}


@contextmanager
def mutated(table: Table, key: str, condition: Callable[[Any, Any], bool]) -> Iterator[None]:
    """Replace one condition of the evaluator."""
    original = table[key]
    table[key] = condition
    try:
        yield
    finally:
        table[key] = original
