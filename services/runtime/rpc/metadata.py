"""The metadata of the current inbound call. Its context would build another copy whenever it is asked."""

from collections.abc import Sequence
from contextvars import ContextVar

Metadata = Sequence[tuple[str, str | bytes]]

# gRPC runs each inbound call in its own task.
_metadata: ContextVar[Metadata] = ContextVar("metadata", default=())


def set_metadata(metadata: Metadata) -> None:
    """Set the metadata of the current call."""
    _metadata.set(metadata)


def get_metadata() -> Metadata:
    """Return the metadata of the current call; nothing outside of a call."""
    return _metadata.get()
