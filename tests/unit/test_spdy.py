"""Frames of SPDY/3.1, as kubectl sends them for port-forwarding."""

import struct
import zlib

import pytest

from mesh.local.agent import spdy

HEADERS = {"streamtype": "error", "port": "15000", "requestid": "0"}


def counted(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode()


def syn_stream(stream: int, block: bytes) -> bytes:
    payload = struct.pack(">IIBB", stream, 0, 0, 0) + block
    return struct.pack(">HHI", 0x8003, spdy.SYN_STREAM, len(payload)) + payload


class Client:
    """Opens streams as kubectl does: all headers of a connection are one compressed text."""

    def __init__(self) -> None:
        self._compress = zlib.compressobj(zdict=spdy.DICTIONARY)

    def open(self, stream: int, headers: dict[str, str]) -> bytes:
        """Encode the frame that opens a stream."""
        block = struct.pack(">I", len(headers))
        block += b"".join(counted(name) + counted(value) for name, value in headers.items())
        return syn_stream(stream, self._compress.compress(block) + self._compress.flush(zlib.Z_SYNC_FLUSH))


def test_the_dictionary_is_that_of_the_specification() -> None:
    # The first bytes of what another implementation compresses name the checksum of its dictionary.
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_are_complete_regardless_of_the_pieces_in_which_they_arrive(size: int) -> None:
    client = Client()
    sent = client.open(1, HEADERS) + spdy.data(1, final=True)
    sent += client.open(3, HEADERS | {"streamtype": "data"}) + spdy.data(3, b"GET /")
    decoder = spdy.Decoder()
    frames = [frame for start in range(0, len(sent), size) for frame in decoder.feed(sent[start : start + size])]
    assert frames == [
        spdy.Frame(spdy.SYN_STREAM, 1, headers=HEADERS),
        spdy.Frame(spdy.DATA, 1, final=True),
        spdy.Frame(spdy.SYN_STREAM, 3, headers=HEADERS | {"streamtype": "data"}),
        spdy.Frame(spdy.DATA, 3, payload=b"GET /"),
    ]


def test_a_ping_is_returned_unchanged() -> None:
    ping = struct.pack(">HHII", 0x8003, spdy.PING, 4, 7)
    (frame,) = spdy.Decoder().feed(ping)
    assert spdy.pong(frame) == ping


@pytest.mark.parametrize(
    "block",
    [
        b"not compressed",
        zlib.compress(struct.pack(">I", 1) + counted("port")),
        zlib.compress(struct.pack(">I", 1) + counted("port") + counted("1" * 10 * spdy.MAX_HEADERS_BYTES)),
    ],
    ids=["not compressed", "a name without a value", "longer than allowed"],
)
def test_headers_that_cannot_be_read_are_refused(block: bytes) -> None:
    with pytest.raises(spdy.ProtocolError):
        list(spdy.Decoder().feed(syn_stream(1, block)))


def test_the_acceptance_of_a_stream_has_no_headers() -> None:
    encoder, decompressor = spdy.Encoder(), zlib.decompressobj(zdict=spdy.DICTIONARY)
    for stream in (1, 3):
        reply = encoder.accept(stream)
        version, kind, length, number = struct.unpack_from(">HHII", reply)
        assert (version, kind, number) == (0x8003, spdy.SYN_REPLY, stream)
        assert length == len(reply) - 8
        assert decompressor.decompress(reply[12:]) == struct.pack(">I", 0)
