"""The authority that signs for the mesh, replaced under load: everybody gets a certificate of another root."""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mesh.local import loopback, pki
from mesh.local.chaos.certificates import WORKLOADS, certificates, pods, read
from mesh.local.chaos.experiment import Ground
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

ISTIO = "istio-system"
PATIENCE = 120
USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class Authority:
    """What istiod signs with, as PEM: its certificate and key, the chain from there to its root, and whom all trust."""

    certificate: str
    key: str
    chain: str
    roots: str

    @classmethod
    def new(cls) -> "Authority":
        """Make a root, and an authority below it; only that one's key is kept."""
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _signed(_named("root"), root_key, _named("root"), root_key, depth=1)
        below = _signed(_named("intermediate"), key, root.subject, root_key, depth=0)
        certificate, trusted = pki.pem(below).decode(), pki.pem(root).decode()
        return cls(certificate, pki.key_pem(key).decode(), certificate + trusted, trusted)

    @classmethod
    async def current(cls, ground: Ground) -> "Authority":
        """Read the one that signs now: one that was plugged in, or the one that istiod has made for itself."""
        secrets = {each["metadata"]["name"]: each for each in (await ground.get("secrets", "-n", ISTIO))["items"]}
        data: Mapping[str, str] = (secrets.get("cacerts") or secrets["istio-ca-secret"])["data"]
        texts = {name: base64.b64decode(value).decode() for name, value in data.items()}
        certificate = texts["ca-cert.pem"]
        return cls(certificate, texts["ca-key.pem"], texts["cert-chain.pem"] or certificate, texts["root-cert.pem"])

    async def plug_in(self, ground: Ground) -> None:
        """Have istiod sign with it from now on, and every workload come back with a certificate of its making."""
        names = {
            "ca-cert.pem": self.certificate,
            "ca-key.pem": self.key,
            "cert-chain.pem": self.chain,
            "root-cert.pem": self.roots,
        }
        metadata = {"name": "cacerts", "namespace": ISTIO}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": names}
        words = ["apply", "--server-side", "--force-conflicts", "-f", "-"]
        await ground.kubectl(*words, stdin=json.dumps(secret))
        await _restarted(ground, ISTIO)
        await _connected(ground)
        # A Pod that begins before would not know the authority that istiod itself shows it after the next step.
        for namespace in WORKLOADS:
            await _told(ground, namespace, self.roots)
        for namespace in WORKLOADS:
            await _restarted(ground, namespace)


@asynccontextmanager
async def rotated(ground: Ground) -> AsyncIterator[None]:
    """Go over to another root as Istio documents it: all trust both before the new one signs, the old one goes last.

    There is nothing to take back: whenever it is broken off, everybody trusts whoever has signed for anybody.

    Raises:
        MeshError: somebody has a certificate of another authority in the end, or trusts one.
    """
    old, new = await Authority.current(ground), Authority.new()
    both = old.roots + new.roots
    await Authority(old.certificate, old.key, old.chain, both).plug_in(ground)
    await Authority(new.certificate, new.key, new.chain, both).plug_in(ground)
    await new.plug_in(ground)
    for pod, (chain, roots) in (await certificates(ground)).items():
        if chain[1:2] != read(new.certificate) or roots != read(new.roots):
            raise MeshError(f"{pod} has not gone over to the new authority", why=f"{chain[1:]}, {roots}")
    yield


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"mesh {name} {time.time_ns()}")])


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    depth: int,
) -> x509.Certificate:
    return (
        pki.builder(subject, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(x509.KeyUsage(**dict.fromkeys(USES, False) | {"key_cert_sign": True}), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


async def _restarted(ground: Ground, namespace: str) -> None:
    """Restart what a namespace has, one after the other: all at once would be more than a small machine bears."""
    for name in (await ground.kubectl("get", "deployment", "-n", namespace, "-o", "name")).split():
        await ground.kubectl("rollout", "restart", "-n", namespace, name)
        await ground.kubectl("rollout", "status", "-n", namespace, name, f"--timeout={PATIENCE}s")


async def _told(ground: Ground, namespace: str, roots: str) -> None:
    """Wait until istiod has told a namespace's new Pods whom to trust."""

    async def told() -> bool:
        data = (await ground.get("configmap", "-n", namespace, "istio-ca-root-cert"))["data"]
        return set(read(data["root-cert.pem"])) == set(read(roots))

    await _wait(f"istiod has not told {namespace} whom to trust", told)


async def _connected(ground: Ground) -> None:
    """Wait until every Envoy has found the new istiod: before that it hears of no Pod that comes or goes."""

    async def connected() -> bool:
        return await asyncio.to_thread(_proxies, ground.instance) >= len(await pods(ground))

    await _wait("not every Envoy has found the new istiod", connected)


def _proxies(instance: Instance) -> int:
    """Ask istiod how many Envoys are connected to it."""
    try:
        with loopback.open_url(f"http://{instance.node_ip}:15014/metrics", 5) as reply:
            metrics: str = reply.read().decode()
    except OSError:
        return 0
    return sum(int(count) for count in re.findall(r"^pilot_xds\{.*\} (\d+)$", metrics, re.MULTILINE))


async def _wait(missing: str, done: Callable[[], Awaitable[bool]]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not await done():  # noqa: ASYNC110  # it is not ours to tell
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise MeshError(f"{missing} after {PATIENCE} s", fix="`mesh status`, `mesh logs istiod`") from None
