"""The inbound port of a sidecar accepts only certificates of this mesh, and refuses all other callers every time.

The callers bypass their own proxies: they connect to the port directly, with any certificate.
"""

import ssl
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
from tests.mesh.direct_call import ACCEPTED, DENIED, REFUSED, quote_directly
from tests.mesh.harness import Mesh
from tests.support.report import Measured

ATTEMPTS = 25
ORDERS, UNLISTED = "spiffe://cluster.local/ns/shop/sa/orders", "spiffe://cluster.local/ns/shop/sa/stranger"
OTHER_TRUST_DOMAIN = "spiffe://elsewhere.example/ns/shop/sa/orders"


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
    assert {await quote_directly(address, contexts["valid"]) for _ in range(5)} == {ACCEPTED}, (
        "a valid certificate is accepted"
    )
    invalid = [name for name in contexts if name != "valid"]
    outcomes = {name: [await quote_directly(address, contexts[name]) for _ in range(ATTEMPTS)] for name in invalid}
    accepted = {name: results.count(ACCEPTED) for name, results in outcomes.items()}
    measured(f"connections to a sidecar's inbound port, {ATTEMPTS} of each type; accepted: {accepted}")
    assert not any(accepted.values())
    # Its certificate is valid, so it can connect, but no policy allows its calls.
    assert set(outcomes.pop("unlisted caller")) == {DENIED}
    assert {result.partition(":")[0] for results in outcomes.values() for result in results} == {REFUSED}
    assert await quote_directly(address, contexts["valid"]) == ACCEPTED, "the port still works"
