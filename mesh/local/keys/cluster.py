"""The keys of the Kubernetes components, in the layout that kubeadm uses under /etc/kubernetes.

They are a CA, the certificates of the API server and the kubelet, the key that signs ServiceAccount tokens, and for
each component one bearer token and one kubeconfig. They are never rewritten.
"""

import secrets

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from mesh.local.instance import NODE_NAME, Instance
from mesh.local.keys.certificates import CertificateAuthority, key_pem, pem, write_private

USERS = {
    "admin": "system:masters",
    "node-agent": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}
"""Users of the API server's token file → their group. RBAC has roles for the `system:` ones by name."""
USAGES = {
    "apiserver": ExtendedKeyUsageOID.SERVER_AUTH,
    "kubelet": ExtendedKeyUsageOID.SERVER_AUTH,
    "apiserver-kubelet-client": ExtendedKeyUsageOID.CLIENT_AUTH,
}
"""Certificate → what it is for."""


def ensure(mesh: Instance) -> None:
    """Create the keys, unless an earlier start has created them."""
    pki = mesh.pki
    if (pki / "complete").exists():
        return
    pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = CertificateAuthority.create()
    write_private(pki / "ca.crt", pem(authority.certificate))
    for name, usage in USAGES.items():
        key, certificate = authority.issue(name, mesh.node_ip, usage, "kubernetes.default.svc", NODE_NAME)
        write_private(pki / f"{name}.key", key_pem(key))
        write_private(pki / f"{name}.crt", pem(certificate))
    signer = ec.generate_private_key(ec.SECP256R1())
    write_private(pki / "sa.key", key_pem(signer))
    write_private(
        pki / "sa.pub",
        signer.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    tokens = {user: secrets.token_urlsafe(32) for user in USERS}
    lines = (f'{tokens[user]},{user},{user},"{group}"\n' for user, group in USERS.items())
    write_private(pki / "tokens.csv", "".join(lines).encode())
    for user, token in tokens.items():
        path = mesh.kubeconfig if user == "admin" else pki / f"{user.removeprefix('system:')}.kubeconfig"
        write_private(path, _kubeconfig(mesh, user, token))
    write_private(pki / "complete", b"")


def _kubeconfig(mesh: Instance, user: str, token: str) -> bytes:
    cluster = {"server": mesh.api_server, "certificate-authority": str(mesh.pki / "ca.crt")}
    name = f"mesh-{mesh.name}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": "shop"}}],
        "current-context": name,
    }
    return yaml.safe_dump(config, sort_keys=False).encode()
