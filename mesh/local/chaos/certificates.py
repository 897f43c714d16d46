"""The certificates of the workloads: whom they show and trust just now, and one service's renewed under load."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from mesh.local import status
from mesh.local.chaos.experiment import Ground
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

WORKLOADS = ("istio-ingress", "shop")
"""The namespaces whose Pods have a certificate each."""
LIFE = "40s"
CONFIG = "proxy.istio.io/config"
PATIENCE = 120
Chain = list[x509.Certificate]


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
    found = [pod for pod in await pods(ground) if app in {"", pod["metadata"]["labels"].get("app")}]
    return {pod["metadata"]["name"]: await asyncio.to_thread(_shown, ground.instance, pod) for pod in found}


async def pods(ground: Ground) -> list[Any]:
    """Find all Pods with a certificate that are there to stay."""
    found = [pod for namespace in WORKLOADS for pod in (await ground.get("pods", "-n", namespace))["items"]]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"]


def _shown(instance: Instance, pod: Any) -> tuple[Chain, Chain]:  # noqa: ANN401  # JSON
    dump = json.loads(status.ask_pod(instance, pod, "config_dump?resource=dynamic_active_secrets"))
    secrets = {each["name"]: each["secret"] for each in dump["configs"]}
    chain = secrets["default"]["tls_certificate"]["certificate_chain"]["inline_bytes"]
    roots = secrets["ROOTCA"]["validation_context"]["trusted_ca"]["inline_bytes"]
    return read(base64.b64decode(chain).decode()), read(base64.b64decode(roots).decode())


def read(pem: str) -> Chain:
    """Read certificates from PEM."""
    return x509.load_pem_x509_certificates(pem.encode())
