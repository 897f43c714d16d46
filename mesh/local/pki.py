"""The cluster's certificates, keys and tokens: random at first start, files 0600, never rewritten after.

What kubeadm would lay out under /etc/kubernetes: a CA, the API server's and the kubelet's certificates, the key that
signs ServiceAccount tokens, one bearer token and one kubeconfig for each component.
"""

import ipaddress
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.local.instance import NODE, Instance

USERS = {
    "admin": "system:masters",
    "node-agent": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}
"""Users of the token file with their groups; RBAC knows the `system:` ones by name."""

_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_YEARS = timedelta(days=3650)


def ensure(instance: Instance) -> None:
    """Write what is missing. A mesh keeps its certificates as long as its folder."""
    pki = instance.pki
    if (pki / "complete").exists():
        return
    pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_key, ca = _authority()
    _write(pki / "ca.crt", pem(ca))
    for name, usage in (
        ("apiserver", _SERVER),
        ("kubelet", _SERVER),
        ("apiserver-kubelet-client", ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        key, certificate = _issue(name, instance.node_ip, usage, ca_key, ca, "kubernetes.default.svc", NODE)
        _write(pki / f"{name}.key", key_pem(key))
        _write(pki / f"{name}.crt", pem(certificate))
    signer = ec.generate_private_key(ec.SECP256R1())
    _write(pki / "sa.key", key_pem(signer))
    _write(
        pki / "sa.pub",
        signer.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    tokens = {user: secrets.token_urlsafe(32) for user in USERS}
    _write(
        pki / "tokens.csv",
        "".join(f'{tokens[user]},{user},{user},"{group}"\n' for user, group in USERS.items()).encode(),
    )
    for user, token in tokens.items():
        path = instance.kubeconfig if user == "admin" else pki / f"{user.removeprefix('system:')}.kubeconfig"
        _write(path, _kubeconfig(instance, user, token))
    _write(pki / "complete", b"")


def door_secret(instance: Instance) -> dict[str, object]:
    """Answer the Secret that the Gateway names (mesh/istio/base/gateway.yaml), made when first asked for.

    The authority that signs its certificate vouches for nothing else, and its key is not kept.
    """
    key_file, file = instance.pki / "gateway.key", instance.pki / "gateway.crt"
    if not instance.gateway_authority.exists():
        ca_key, ca = _authority()
        address = instance.gateway.rpartition(":")[0]
        key, certificate = _issue("gateway", address, _SERVER, ca_key, ca, "localhost")
        _write(key_file, key_pem(key))
        _write(file, pem(certificate))
        _write(instance.gateway_authority, pem(ca))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-public", "namespace": "istio-ingress"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": file.read_text(), "tls.key": key_file.read_text()},
    }


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)


def _kubeconfig(instance: Instance, user: str, token: str) -> bytes:
    cluster = {"server": instance.api_server, "certificate-authority": str(instance.pki / "ca.crt")}
    name = f"mesh-{instance.name}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": "shop"}}],
        "current-context": name,
    }
    return yaml.safe_dump(config, sort_keys=False).encode()


def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mesh-ca")])
    begun = builder(name, name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return key, begun.sign(key, hashes.SHA256())


def _issue(
    name: str,
    address: str,
    usage: x509.ObjectIdentifier,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    *names: str,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = [*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address(address))]
    begun = (
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), ca.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return key, begun.sign(ca_key, hashes.SHA256())


def builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    """Begin a certificate that is good for ten years."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def pem(certificate: x509.Certificate) -> bytes:
    """Write a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PEM, PKCS 8, in the clear."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
