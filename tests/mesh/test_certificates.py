"""A sidecar's inbound port takes certificates of this mesh and nothing else: everybody else is refused, every time.

The callers here come past their own proxies: they dial the port themselves, with whatever certificate they have made.
"""

import asyncio
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from mesh.local import instance as instances
from mesh.local.chaos.authority import Authority
from mesh.local.chaos.experiment import Target
from mesh.local.keys.certificates import key_pem, pem
from shop.shipping.v1 import shipping_pb2
from tests.conftest import Measured
from tests.mesh.harness import Mesh

ATTEMPTS = 25
ORDERS, STRANGER = "spiffe://cluster.local/ns/shop/sa/orders", "spiffe://cluster.local/ns/shop/sa/stranger"
ELSEWHERE = "spiffe://elsewhere.example/ns/shop/sa/orders"
QUOTE = "/shop.shipping.v1.ShippingService/QuoteShipping"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_HEADERS, END_STREAM = 4, 1
ANSWERED, DENIED, REFUSED = "answered", "denied", "refused"


@dataclass(frozen=True)
class Pair:
    """A certificate with what leads from it to a root, and its key; as PEM."""

    chain: str
    key: str

    @classmethod
    def of(cls, authority: Authority, name: str, life: timedelta = timedelta(hours=1)) -> "Pair":
        """Have an authority sign a workload's certificate that began a day ago, for a name."""
        signer = serialization.load_pem_private_key(authority.key.encode(), password=None)
        issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + life)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .sign(signer, hashes.SHA256())  # type: ignore[arg-type]  # a CA's key signs
        )
        return cls(pem(made).decode() + authority.chain, key_pem(key).decode())

    def context(self, folder: Path) -> ssl.SSLContext:
        """Answer what a client shows it with."""
        (folder / "chain.pem").write_text(self.chain)
        (folder / "key.pem").write_text(self.key)
        context = anonymous()
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        return context


def anonymous() -> ssl.SSLContext:
    """Answer what a client has who shows nothing, and takes the server as it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def quote() -> bytes:
    """Write a call of QuoteShipping, with all that goes before it on a new connection."""
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": QUOTE,
        ":authority": "shipping.shop.svc.cluster.local",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    # HPACK's plainest form: nothing indexed, nothing compressed.
    block = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in headers.items())
    message = shipping_pb2.QuoteShippingRequest(region_code="DE", pieces=1, currency_code="EUR").SerializeToString()
    body = struct.pack(">BI", 0, len(message)) + message
    begun = frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1, body)
    return PREFACE + frame(SETTINGS, 0, 0, b"") + begun


async def attempt(address: str, context: ssl.SSLContext | None) -> str:
    """Call the port itself; answer whether the service answered, its sidecar denied the call, or nobody spoke to us."""
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(address, 50051, ssl=context)
            try:
                writer.write(quote())
                await writer.drain()
                while True:
                    head = await reader.readexactly(9)
                    size, kind, flags, stream = int.from_bytes(head[:3]), head[3], head[4], int.from_bytes(head[5:])
                    await reader.readexactly(size)
                    if stream == 1 and kind == DATA and size:
                        return ANSWERED
                    if stream == 1 and flags & END_STREAM:
                        return DENIED
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        return f"{REFUSED}: {type(error).__name__}"


@pytest.fixture
async def contexts(mesh: Mesh, tmp_path: Path) -> Mapping[str, ssl.SSLContext | None]:
    """Give the callers who are to be refused, by what is wrong with them."""
    found = instances.existing(mesh.name)
    assert found
    authority = await Authority.current(Target(found, ""))
    pairs = {
        "right": Pair.of(authority, ORDERS),
        "one of nobody's": Pair.of(authority, STRANGER),
        "one of another authority": Pair.of(Authority.new(), ORDERS),
        "an expired one": Pair.of(authority, ORDERS, timedelta(seconds=-10)),
        "one of another trust domain": Pair.of(authority, ELSEWHERE),
    }
    made = {kind: pair.context(tmp_path) for kind, pair in pairs.items()}
    return {**made, "no certificate": anonymous(), "plaintext": None}


async def test_who_has_no_good_certificate_is_refused_every_time(
    mesh: Mesh, contexts: Mapping[str, ssl.SSLContext | None], measured: Measured
) -> None:
    address = (await mesh.pod("shipping"))["status"]["podIP"]
    assert {await attempt(address, contexts["right"]) for _ in range(5)} == {ANSWERED}, "the right one passes"
    wrong = [kind for kind in contexts if kind != "right"]
    outcomes = {kind: [await attempt(address, contexts[kind]) for _ in range(ATTEMPTS)] for kind in wrong}
    passed = {kind: found.count(ANSWERED) for kind, found in outcomes.items()}
    measured(f"attempts at a sidecar's inbound port, {ATTEMPTS} of each kind; bypasses: {passed}")
    assert not any(passed.values())
    # It is this mesh's, and no policy names it: it is heard, and told that it may not.
    assert set(outcomes.pop("one of nobody's")) == {DENIED}
    assert {outcome.partition(":")[0] for found in outcomes.values() for outcome in found} == {REFUSED}
    assert await attempt(address, contexts["right"]) == ANSWERED, "the port still answers"
