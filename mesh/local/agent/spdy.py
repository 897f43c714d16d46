"""The part of SPDY/3.1 that `kubectl port-forward` needs: frames of several streams within one connection.

Kubernetes has no other protocol for port-forwarding. Like the library that kubectl and the kubelet use
(github.com/moby/spdystream), this module ignores priorities and flow control.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

DATA, SYN_STREAM, SYN_REPLY, RST_STREAM, PING = 0, 1, 2, 3, 6
"""Types of frames. Data frames carry no type: 0 stands for it here."""
FIN = 0x01
"""The flag of the last frame of a stream in one direction."""
MAX_HEADERS_BYTES = 2**16

WORDS = """options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age
allow authorization cache-control connection content-base content-encoding content-language content-length
content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since
if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate
proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin"""
PHRASES = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _counted(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


DICTIONARY = b"".join(_counted(word.replace("_", " ").encode()) for word in WORDS.split()) + PHRASES.encode()
"""The text with which both sides start the compression of headers (SPDY/3, section 2.6.10.1)."""


class ProtocolError(Exception):
    """The peer sent bytes that are no SPDY/3.1."""


@dataclass(frozen=True)
class Frame:
    """A frame from the peer."""

    kind: int
    stream: int = 0
    final: bool = False
    payload: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Decoder:
    """Decodes the frames of one connection, whose bytes arrive in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._headers = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are now complete. Raises ProtocolError."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            end = 8 + (second & 0xFFFFFF)
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[8:end])
            del self._buffer[:end]
            final = bool(second >> 24 & FIN)
            if first & 0x80000000:
                yield self._control(first & 0xFFFF, payload, final=final)
            else:
                yield Frame(DATA, first, final, payload)

    def _control(self, kind: int, payload: bytes, *, final: bool) -> Frame:
        try:
            if kind == SYN_STREAM:
                block = self._headers.decompress(payload[10:], MAX_HEADERS_BYTES)
                return Frame(kind, _number(payload), final, headers=_read_headers(block))
            if kind == RST_STREAM:
                return Frame(kind, _number(payload))
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise ProtocolError(str(error)) from error
        return Frame(kind, payload=payload)


def _read_headers(block: bytes) -> dict[str, str]:
    fields, position = [], 4
    for _ in range(2 * _number(block)):
        start = position + 4
        position = start + _number(block, position)
        if position > len(block):
            raise ProtocolError("the headers are incomplete or too long")
        fields.append(block[start:position].decode())
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _number(data: bytes, offset: int = 0) -> int:
    return int(struct.unpack_from(">I", data, offset)[0])


class Encoder:
    """Encodes the frames of one connection."""

    def __init__(self) -> None:
        self._headers = zlib.compressobj(zdict=DICTIONARY)

    def accept(self, stream: int) -> bytes:
        """Encode the reply that accepts a stream. It has no headers."""
        block = self._headers.compress(struct.pack(">I", 0)) + self._headers.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, struct.pack(">I", stream) + block)


def data(stream: int, payload: bytes = b"", *, final: bool = False) -> bytes:
    """Encode data of a stream."""
    return struct.pack(">II", stream, (FIN if final else 0) << 24 | len(payload)) + payload


def pong(ping: Frame) -> bytes:
    """Encode the reply to a ping."""
    return _control(PING, ping.payload)


def _control(kind: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, len(payload)) + payload
