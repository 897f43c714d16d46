"""The certificates of the mesh, made anew under load: one service's, or everybody's by another authority."""

import asyncio
import base64
import json
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mesh.local import pki, status
from mesh.local.chaos.experiment import Ground
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

ISTIO = "istio-system"
WORKLOADS = ("istio-ingress", "shop")
"""The namespaces whose Pods have a certificate each."""
LIFE = "20s"
CONFIG = "proxy.istio.io/config"
PATIENCE = 120
USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
Chain = list[x509.Certificate]


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
        if chain[1:2] != _read(new.certificate) or roots != _read(new.roots):
            raise MeshError(f"{pod} has not gone over to the new authority", why=f"{chain[1:]}, {roots}")
    yield


@asynccontextmanager
async def renewed(ground: Ground) -> AsyncIterator[None]:
    """Give a service certificates that are good for seconds, and see those that it began with run out."""
    try:
        await _configure(ground, f"proxyMetadata: {{SECRET_TTL: {LIFE}}}")
        await _until(ground, await _expiry(ground))
        yield
    finally:
        await _configure(ground, None)


async def _configure(ground: Ground, config: str | None) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": {CONFIG: config}}}}}
    words = ["-n", "shop", f"deployment/{ground.service}"]
    await ground.kubectl("patch", *words, "--type=merge", "-p", json.dumps(patch))
    await ground.kubectl("rollout", "status", *words, f"--timeout={PATIENCE}s")


async def _expiry(ground: Ground) -> datetime:
    """Answer when the first of the service's certificates runs out."""
    found = await certificates(ground, ground.service)
    return min(chain[0].not_valid_after_utc for chain, _ in found.values())


async def _until(ground: Ground, over: datetime) -> None:
    """Wait until certificates that run out at a moment have run out, and others are in their place.

    Raises:
        MeshError: there are none.
    """
    await asyncio.sleep(max(0.0, (over - datetime.now(UTC)).total_seconds()))
    if await _expiry(ground) <= over:
        raise MeshError(f"a certificate of {ground.service} has run out, and no other has come", why=str(over))


async def certificates(ground: Ground, app: str = "") -> dict[str, tuple[Chain, Chain]]:
    """Ask the Envoys of all workloads, or of one: Pod → (the chain that it shows, the roots that it trusts)."""
    pods = [pod for pod in await _pods(ground) if app in {"", pod["labels"].get("app")}]
    return {pod["name"]: await asyncio.to_thread(_shown, ground.instance, pod) for pod in pods}


async def _pods(ground: Ground) -> list[Any]:
    """Find the metadata of all Pods with a certificate that are there to stay."""
    found = [pod for namespace in WORKLOADS for pod in (await ground.get("pods", "-n", namespace))["items"]]
    return [
        pod["metadata"]
        for pod in found
        if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
    ]


def _shown(instance: Instance, pod: Any) -> tuple[Chain, Chain]:  # noqa: ANN401  # JSON
    dump = json.loads(status.ask_pod(instance, pod, "config_dump?resource=dynamic_active_secrets"))
    secrets = {each["name"]: each["secret"] for each in dump["configs"]}
    chain = secrets["default"]["tls_certificate"]["certificate_chain"]["inline_bytes"]
    roots = secrets["ROOTCA"]["validation_context"]["trusted_ca"]["inline_bytes"]
    return _read(base64.b64decode(chain).decode()), _read(base64.b64decode(roots).decode())


def _read(pem: str) -> Chain:
    return x509.load_pem_x509_certificates(pem.encode())


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
    await ground.kubectl("rollout", "restart", "deployment", "-n", namespace)
    await ground.kubectl("rollout", "status", "deployment", "-n", namespace, f"--timeout={PATIENCE}s")


async def _told(ground: Ground, namespace: str, roots: str) -> None:
    """Wait until istiod has told a namespace's new Pods whom to trust."""

    async def told() -> bool:
        data = (await ground.get("configmap", "-n", namespace, "istio-ca-root-cert"))["data"]
        return set(_read(data["root-cert.pem"])) == set(_read(roots))

    await _wait(f"istiod has not told {namespace} whom to trust", told)


async def _connected(ground: Ground) -> None:
    """Wait until every Envoy has found the new istiod: before that it hears of no Pod that comes or goes."""

    async def connected() -> bool:
        return await asyncio.to_thread(_proxies, ground.instance) >= len(await _pods(ground))

    await _wait("not every Envoy has found the new istiod", connected)


def _proxies(instance: Instance) -> int:
    """Ask istiod how many Envoys are connected to it."""
    try:
        with urllib.request.urlopen(f"http://{instance.node_ip}:15014/metrics", timeout=5) as reply:
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
