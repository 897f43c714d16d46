"""The inbound port of a sidecar accepts only certificates of this mesh, and refuses all other callers every time.

The callers bypass their own proxies: they connect to the port directly, with any certificate.
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
from tests.mesh.harness import Mesh
from tests.support.report import Measured

ATTEMPTS = 25
ORDERS, UNLISTED = "spiffe://cluster.local/ns/shop/sa/orders", "spiffe://cluster.local/ns/shop/sa/stranger"
OTHER_TRUST_DOMAIN = "spiffe://elsewhere.example/ns/shop/sa/orders"
QUOTE = "/shop.shipping.v1.ShippingService/QuoteShipping"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_HEADERS, END_STREAM = 4, 1
ACCEPTED, DENIED, REFUSED = "accepted", "denied", "refused"


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain to the root, and its key, as PEM."""

    chain: str
    key: str

    @classmethod
    def of(cls, authority: Authority, name: str, life: timedelta = timedelta(hours=1)) -> "Pair":
        """Sign a workload certificate for a name. It has been valid for a day."""
        signer = serialization.load_pem_private_key(authority.key.encode(), password=None)
        issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + life)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .sign(signer, hashes.SHA256())  # type: ignore[arg-type]  # the key of a CA can sign
        )
        return cls(pem(certificate).decode() + authority.chain, key_pem(key).decode())

    def context(self, folder: Path) -> ssl.SSLContext:
        """Return a client context with this certificate."""
        (folder / "chain.pem").write_text(self.chain)
        (folder / "key.pem").write_text(self.key)
        context = anonymous()
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        return context


def anonymous() -> ssl.SSLContext:
    """Return a client context without a certificate, which accepts any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


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


async def attempt(address: str, context: ssl.SSLContext | None) -> str:
    """Call the port directly.

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


@pytest.fixture
async def contexts(mesh: Mesh, tmp_path: Path) -> Mapping[str, ssl.SSLContext | None]:
    """Return the TLS contexts of callers by their certificate: one good one, and all that must be refused."""
    instance = instances.existing(mesh.name)
    assert instance
    authority = await Authority.current(Target(instance, ""))
    pairs = {
        "valid": Pair.of(authority, ORDERS),
        "unlisted caller": Pair.of(authority, UNLISTED),
        "another authority": Pair.of(Authority.new(), ORDERS),
        "expired": Pair.of(authority, ORDERS, timedelta(seconds=-10)),
        "another trust domain": Pair.of(authority, OTHER_TRUST_DOMAIN),
    }
    contexts = {name: pair.context(tmp_path) for name, pair in pairs.items()}
    return {**contexts, "no certificate": anonymous(), "plaintext": None}


async def test_a_caller_without_a_valid_certificate_is_refused_every_time(
    mesh: Mesh, contexts: Mapping[str, ssl.SSLContext | None], measured: Measured
) -> None:
    address = (await mesh.pod("shipping"))["status"]["podIP"]
    assert {await attempt(address, contexts["valid"]) for _ in range(5)} == {ACCEPTED}, (
        "a valid certificate is accepted"
    )
    invalid = [name for name in contexts if name != "valid"]
    outcomes = {name: [await attempt(address, contexts[name]) for _ in range(ATTEMPTS)] for name in invalid}
    accepted = {name: results.count(ACCEPTED) for name, results in outcomes.items()}
    measured(f"connections to a sidecar's inbound port, {ATTEMPTS} of each type; accepted: {accepted}")
    assert not any(accepted.values())
    # Its certificate is valid, so it can connect, but no policy allows its calls.
    assert set(outcomes.pop("unlisted caller")) == {DENIED}
    assert {result.partition(":")[0] for results in outcomes.values() for result in results} == {REFUSED}
    assert await attempt(address, contexts["valid"]) == ACCEPTED, "the port still works"
