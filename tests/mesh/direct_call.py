"""A call to the inbound port of a sidecar, without a proxy of the caller."""

import asyncio
import ssl
import struct

from shop.shipping.v1 import shipping_pb2

QUOTE = "/shop.shipping.v1.ShippingService/QuoteShipping"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_HEADERS, END_STREAM = 4, 1
ACCEPTED, DENIED, REFUSED = "accepted", "denied", "refused"


def frame(frame_type: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", frame_type, flags, stream) + payload


def quote() -> bytes:
    """Return the bytes of a QuoteShipping call on a new connection."""
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": QUOTE,
        ":authority": "shipping.shop.svc.cluster.local",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    # HPACK in its simplest form: without indexing and compression.
    block = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in headers.items())
    message = shipping_pb2.QuoteShippingRequest(region_code="DE", pieces=1, currency_code="EUR").SerializeToString()
    body = struct.pack(">BI", 0, len(message)) + message
    request = frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1, body)
    return PREFACE + frame(SETTINGS, 0, 0, b"") + request


async def quote_directly(address: str, context: ssl.SSLContext | None) -> str:
    """Call the inbound port of a shipping Pod, with a client certificate or in plaintext.

    Return ACCEPTED by the service, DENIED by its sidecar, or REFUSED with the error when the connection fails.
    """
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(address, 50051, ssl=context)
            try:
                writer.write(quote())
                await writer.drain()
                while True:
                    head = await reader.readexactly(9)
                    size, frame_type, flags, stream = (
                        int.from_bytes(head[:3]),
                        head[3],
                        head[4],
                        int.from_bytes(head[5:]),
                    )
                    await reader.readexactly(size)
                    if stream == 1 and frame_type == DATA and size:
                        return ACCEPTED
                    if stream == 1 and flags & END_STREAM:
                        return DENIED
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        return f"{REFUSED}: {type(error).__name__}"
