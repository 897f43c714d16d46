"""The certificates of the workloads, and the fault that lets those of one service expire."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from mesh.local.chaos.experiment import Target
from mesh.local.clients.envoy import query_pod
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

NAMESPACES = ("shop-ingress", "shop")
"""The namespaces whose Pods have a certificate each."""
LIFETIME = "40s"
CONFIG_ANNOTATION = "proxy.istio.io/config"
ROLLOUT_TIMEOUT_SECONDS = 120
Chain = list[x509.Certificate]


@asynccontextmanager
async def short_lived_certificates(target: Target) -> AsyncIterator[None]:
    """Restart a service with certificates that are valid for seconds, and wait until the first ones have expired."""
    try:
        await _configure(target, f"proxyMetadata: {{SECRET_TTL: {LIFETIME}}}")
        await _wait_for_expiry(target, await _expiry(target))
        yield
    finally:
        await _configure(target, None)


async def _configure(target: Target, config: str | None) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": {CONFIG_ANNOTATION: config}}}}}
    words = ["-n", "shop", f"deployment/{target.service}"]
    await target.kubectl("patch", *words, "--type=merge", "-p", json.dumps(patch))
    await target.kubectl("rollout", "status", *words, f"--timeout={ROLLOUT_TIMEOUT_SECONDS}s")


async def _expiry(target: Target) -> datetime:
    """Return when the first of the service's certificates expires."""
    current = await workload_certificates(target, target.service)
    return min(chain[0].not_valid_after_utc for chain, _ in current.values())


async def _wait_for_expiry(target: Target, expiry: datetime) -> None:
    """Wait until certificates have expired and others have replaced them.

    Raises:
        MeshError: nothing has replaced one.
    """
    await asyncio.sleep(max(0.0, (expiry - datetime.now(UTC)).total_seconds()))
    if await _expiry(target) <= expiry:
        raise MeshError(f"a certificate of {target.service} has expired and was not renewed", why=str(expiry))


async def workload_certificates(target: Target, app: str = "") -> dict[str, tuple[Chain, Chain]]:
    """Read from the Envoys of all workloads, or of one app: Pod → its certificate chain and the roots it trusts."""
    selected = [pod for pod in await pods(target) if app in {"", pod["metadata"]["labels"].get("app")}]
    return {pod["metadata"]["name"]: await asyncio.to_thread(_read, target.mesh, pod) for pod in selected}


async def pods(target: Target) -> list[Any]:
    """Return all running Pods that have a certificate, without those that are being deleted."""
    listed = [pod for namespace in NAMESPACES for pod in (await target.get("pods", "-n", namespace))["items"]]
    return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"]


def _read(mesh: Instance, pod: Any) -> tuple[Chain, Chain]:  # noqa: ANN401  # JSON
    dump = json.loads(query_pod(mesh, pod, "config_dump?resource=dynamic_active_secrets"))
    secrets = {each["name"]: each["secret"] for each in dump["configs"]}
    chain = secrets["default"]["tls_certificate"]["certificate_chain"]["inline_bytes"]
    roots = secrets["ROOTCA"]["validation_context"]["trusted_ca"]["inline_bytes"]
    return parse(base64.b64decode(chain).decode()), parse(base64.b64decode(roots).decode())


def parse(pem: str) -> Chain:
    """Parse certificates from PEM."""
    return x509.load_pem_x509_certificates(pem.encode())
