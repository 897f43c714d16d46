"""The rotation of the mesh's root certificate under load: every workload gets a certificate of another root."""

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

from mesh.local import loopback
from mesh.local.chaos.certificates import NAMESPACES, parse, pods, workload_certificates
from mesh.local.chaos.experiment import Target
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.keys import certificates

ISTIO_NAMESPACE = "istio-system"
STEP_TIMEOUT_SECONDS = 120
KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class Authority:
    """What istiod signs with, as PEM: certificate, key, the chain up to the root, and the roots that all trust."""

    certificate: str
    key: str
    chain: str
    roots: str

    @classmethod
    def new(cls) -> "Authority":
        """Create a root, and an intermediate authority below it. Only the key of the intermediate is kept."""
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _sign(_organization("root"), root_key, _organization("root"), root_key, depth=1)
        intermediate = _sign(_organization("intermediate"), key, root.subject, root_key, depth=0)
        certificate, root_pem = certificates.pem(intermediate).decode(), certificates.pem(root).decode()
        return cls(certificate, certificates.key_pem(key).decode(), certificate + root_pem, root_pem)

    @classmethod
    async def current(cls, target: Target) -> "Authority":
        """Read the authority that signs now: a plugged-in one, or the one that istiod has created."""
        listed = (await target.get("secrets", "-n", ISTIO_NAMESPACE))["items"]
        secrets = {each["metadata"]["name"]: each for each in listed}
        data: Mapping[str, str] = (secrets.get("cacerts") or secrets["istio-ca-secret"])["data"]
        texts = {name: base64.b64decode(value).decode() for name, value in data.items()}
        certificate = texts["ca-cert.pem"]
        return cls(certificate, texts["ca-key.pem"], texts["cert-chain.pem"] or certificate, texts["root-cert.pem"])

    async def plug_in(self, target: Target) -> None:
        """Configure istiod to sign with it, and restart every workload, so that each has a certificate of it."""
        files = {
            "ca-cert.pem": self.certificate,
            "ca-key.pem": self.key,
            "cert-chain.pem": self.chain,
            "root-cert.pem": self.roots,
        }
        metadata = {"name": "cacerts", "namespace": ISTIO_NAMESPACE}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": files}
        words = ["apply", "--server-side", "--force-conflicts", "-f", "-"]
        await target.kubectl(*words, stdin=json.dumps(secret))
        await _restart(target, ISTIO_NAMESPACE)
        await _wait_for_proxies(target)
        # A Pod that starts earlier would not trust the certificate that istiod itself has after the next step.
        for namespace in NAMESPACES:
            await _wait_for_roots(target, namespace, self.roots)
        for namespace in NAMESPACES:
            await _restart(target, namespace)


@asynccontextmanager
async def rotated_root(target: Target) -> AsyncIterator[None]:
    """Rotate the root as Istio documents it: all trust both roots before the new one signs; the old one goes last.

    There is nothing to undo: if it is interrupted, every workload trusts every certificate that is in use.

    Raises:
        MeshError: at the end a workload has a certificate of another authority, or trusts another root.
    """
    old, new = await Authority.current(target), Authority.new()
    both = old.roots + new.roots
    await Authority(old.certificate, old.key, old.chain, both).plug_in(target)
    await Authority(new.certificate, new.key, new.chain, both).plug_in(target)
    await new.plug_in(target)
    for pod, (chain, roots) in (await workload_certificates(target)).items():
        if chain[1:2] != parse(new.certificate) or roots != parse(new.roots):
            raise MeshError(f"{pod} does not use the new authority", why=f"{chain[1:]}, {roots}")
    yield


def _organization(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"mesh {name} {time.time_ns()}")])


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    depth: int,
) -> x509.Certificate:
    return (
        certificates.builder(subject, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(x509.KeyUsage(**dict.fromkeys(KEY_USAGES, False) | {"key_cert_sign": True}), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


async def _restart(target: Target, namespace: str) -> None:
    """Restart the Deployments of a namespace one after the other: all at once would overload a small machine."""
    for name in (await target.kubectl("get", "deployment", "-n", namespace, "-o", "name")).split():
        await target.kubectl("rollout", "restart", "-n", namespace, name)
        await target.kubectl("rollout", "status", "-n", namespace, name, f"--timeout={STEP_TIMEOUT_SECONDS}s")


async def _wait_for_roots(target: Target, namespace: str, roots: str) -> None:
    """Wait until istiod has written the roots that new Pods of a namespace trust."""

    async def written() -> bool:
        data = (await target.get("configmap", "-n", namespace, "istio-ca-root-cert"))["data"]
        return set(parse(data["root-cert.pem"])) == set(parse(roots))

    await _wait(f"istiod has not written the roots for {namespace}", written)


async def _wait_for_proxies(target: Target) -> None:
    """Wait until every Envoy is connected to the new istiod: before that it gets no endpoint updates."""

    async def connected() -> bool:
        return await asyncio.to_thread(_count_proxies, target.mesh) >= len(await pods(target))

    await _wait("not every Envoy is connected to the new istiod", connected)


def _count_proxies(mesh: Instance) -> int:
    """Return how many Envoys are connected to istiod."""
    try:
        with loopback.open_url(f"http://{mesh.node_ip}:15014/metrics", 5) as reply:
            metrics: str = reply.read().decode()
    except OSError:
        return 0
    return sum(int(count) for count in re.findall(r"^pilot_xds\{.*\} (\d+)$", metrics, re.MULTILINE))


async def _wait(problem: str, done: Callable[[], Awaitable[bool]]) -> None:
    try:
        async with asyncio.timeout(STEP_TIMEOUT_SECONDS):
            while not await done():  # noqa: ASYNC110  # another process changes it
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise MeshError(f"{problem} after {STEP_TIMEOUT_SECONDS} s", fix="`mesh status`, `mesh logs istiod`") from None
