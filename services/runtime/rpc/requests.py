"""Request keys: what identifies a request that may be sent again."""

import hashlib
from typing import Protocol

from google.protobuf.descriptor import Descriptor

from services.runtime.rpc.principal import principal
from services.runtime.storage.idempotency import RequestKey


class IdentifiedRequest(Protocol):
    """A request message with a request_id."""

    DESCRIPTOR: Descriptor
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802  # protobuf's name
        """Return the serialized message."""


def request_key(request: IdentifiedRequest, scope: str | None = None) -> RequestKey:
    """Return the key of a request: its request_id, and a digest of its type and content.

    Its `scope` is by default the logged-in user. Pass another one if a method's callers are not logged in.
    """
    # The type stands for the method: each method has its own request type.
    content = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return RequestKey(
        request.request_id, hashlib.sha256(content).digest(), (principal() or "") if scope is None else scope
    )
