"""The gateway's certificate."""

from cryptography.x509.oid import ExtendedKeyUsageOID

from mesh.local.instance import Instance
from mesh.local.keys.certificates import CertificateAuthority, key_pem, pem, write_private


def secret(mesh: Instance) -> dict[str, object]:
    """Return the Secret that the Gateway names (mesh/istio/base/gateway.yaml); create its certificate on first use.

    The CA that signs the certificate signs no other, and its key is not stored.
    """
    key_file, certificate_file = mesh.pki / "gateway.key", mesh.pki / "gateway.crt"
    if not mesh.gateway_ca.exists():
        authority = CertificateAuthority.create()
        address = mesh.gateway.rpartition(":")[0]
        key, certificate = authority.issue("gateway", address, ExtendedKeyUsageOID.SERVER_AUTH, "localhost")
        write_private(key_file, key_pem(key))
        write_private(certificate_file, pem(certificate))
        write_private(mesh.gateway_ca, pem(authority.certificate))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-public", "namespace": "shop-ingress"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate_file.read_text(), "tls.key": key_file.read_text()},
    }
