"""The status of an error, in the size that every client accepts: texts and lists that are too long are cut.

A status travels in HTTP/2 headers. A gRPC client accepts 8 KiB of them by default, and rejects larger ones at random
(RESOURCE_EXHAUSTED): then a refusal looks like a failure.
"""

from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from urllib.parse import quote

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

# A status as it is sent: the message percent-encoded, and all of it in base64. The remaining 2 KiB are for the headers
# that the server, the sidecars and the gateway add.
MAX_STATUS_BYTES = 6 * 1024
MAX_TEXT_BYTES = 768
# The characters of grpc-message that are not percent-encoded.
UNQUOTED = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
ELLIPSIS = "…"
# The metadata of ErrorInfo that counts the entries which were cut off.
OMITTED = "omitted_details"
# A key and a length of Protocol Buffers, at most: no detail has a field above 15, and no entry 16 KiB.
MAX_TAG_BYTES = 3

Metadata = Mapping[str, str | Sequence[str]]


def build_status(
    code: grpc.StatusCode, text: str, info: error_details_pb2.ErrorInfo, metadata: Metadata, details: Iterable[Message]
) -> status_pb2.Status:
    """Return a status of at most MAX_STATUS_BYTES, with `info`, its `metadata` and `details`.

    A list in `metadata` is joined with commas. Of lists that are too long, the last entries are omitted; then the
    metadata "omitted_details" has their number.
    """
    status = status_pb2.Status(code=code.value[0], message=_cut_text(text))
    info.metadata.update({name: value for name, value in metadata.items() if isinstance(value, str)})
    info.metadata[OMITTED] = "99999"
    room = (MAX_STATUS_BYTES - _quoted_bytes(status.message)) * 3 // 4 - status.ByteSize() - _packed_bytes(info)
    omitted = 0
    for name, value in metadata.items():
        if not isinstance(value, str):
            entries = _first_that_fit(value, room - len(name) - 2 * MAX_TAG_BYTES)
            info.metadata[name] = ",".join(entries)
            omitted += len(value) - len(entries)
            room -= len(name) + len(info.metadata[name].encode()) + 3 * MAX_TAG_BYTES
    kept = []
    for detail in details:
        omitted += _cut_lists(detail, room)
        kept.append(detail)
        room -= _packed_bytes(detail)
    del info.metadata[OMITTED]
    if omitted:
        info.metadata[OMITTED] = str(omitted)
    for part in (info, *kept):
        packed = AnyMessage()
        packed.Pack(part)
        status.details.append(packed)
    return status


def _quoted_bytes(text: str) -> int:
    return len(quote(text, safe=UNQUOTED))


def _cut_text(text: str) -> str:
    """Return the text, or its first characters and an ellipsis if it has more than MAX_TEXT_BYTES."""
    if _quoted_bytes(text) <= MAX_TEXT_BYTES:
        return text
    room = MAX_TEXT_BYTES - _quoted_bytes(ELLIPSIS)
    end = -1
    while room >= 0:
        end += 1
        room -= _quoted_bytes(text[end])
    return text[:end] + ELLIPSIS


def _first_that_fit(entries: Sequence[str], room: int) -> Sequence[str]:
    """Return the first entries that have at most `room` bytes, with commas between them."""
    for number, entry in enumerate(entries):
        room -= len(entry.encode()) + 1
        if room < 0:
            return entries[:number]
    return entries


def _cut_lists(detail: Message, room: int) -> int:
    """Remove the last entries of the lists in a detail until it fits in `room`. Return the number of those removed."""
    removed = 0
    size = _packed_bytes(detail)
    for _, entries in detail.ListFields():
        while size > room and isinstance(entries, MutableSequence) and entries:
            size -= entries.pop().ByteSize() + 2
            removed += 1
    return removed


def _packed_bytes(detail: Message) -> int:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed.ByteSize() + MAX_TAG_BYTES
