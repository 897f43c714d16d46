"""Request keys: what identifies a request that may be sent again."""

import hashlib
from typing import Protocol

from google.protobuf.descriptor import Descriptor

from services.runtime.storage.idempotency import RequestKey


class IdentifiedRequest(Protocol):
    """A request message with a request_id."""

    DESCRIPTOR: Descriptor
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802  # protobuf's name
        """Return the serialized message."""


def request_key(request: IdentifiedRequest) -> RequestKey:
    """Return the key of a request: its request_id, and a digest of its type and content."""
    # The type stands for the method: each method has its own request type.
    content = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return RequestKey(request.request_id, hashlib.sha256(content).digest())
