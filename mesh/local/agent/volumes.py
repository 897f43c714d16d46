"""A Pod's volumes as folders: projected tokens, ConfigMaps, Secrets, downward API, emptyDir, hostPath."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from lightkube import AsyncClient
from lightkube.models.authentication_v1 import BoundObjectReference, TokenRequestSpec
from lightkube.models.core_v1 import (
    ConfigMapProjection,
    DownwardAPIProjection,
    KeyToPath,
    SecretProjection,
    ServiceAccountTokenProjection,
    Volume,
    VolumeMount,
    VolumeProjection,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from mesh.local.agent.environment import Lookup, MissingReferenceError, field
from mesh.local.agent.sandbox import Sandbox

TOKEN_LIFETIME_SECONDS = 3600
RENEWAL_SHARE = 0.8
"""A token is renewed after this share of its lifetime."""


async def populate(sandbox: Sandbox, client: AsyncClient | None, lookup: Lookup) -> None:
    """Create or update every volume, and mount it into the Pod's folder with a symbolic link.

    A repeated call rewrites only the files that have changed.

    Raises:
        MissingReferenceError: a ConfigMap or Secret does not exist (yet).
    """
    folders = {}
    for volume in sandbox.spec.volumes or []:
        folders[volume.name] = folder = _folder(sandbox, volume)
        async for path, content in _files(sandbox, volume, folder, client, lookup):
            _write(folder / path, content)
    mounts = [
        mount
        for c in [*(sandbox.spec.initContainers or []), *sandbox.spec.containers]
        for mount in c.volumeMounts or []
    ]
    # Outer mounts first: a mount inside another volume is created in that volume's folder.
    for mount in sorted(mounts, key=lambda mount: mount.mountPath.count("/")):
        _mount(sandbox, mount, folders[mount.name])


def _folder(sandbox: Sandbox, volume: Volume) -> Path:
    if volume.hostPath:
        folder = sandbox.mesh.root / volume.hostPath.path.lstrip("/")
    else:
        folder = sandbox.folder / "volumes" / volume.name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _mount(sandbox: Sandbox, mount: VolumeMount, folder: Path) -> None:
    target = sandbox.folder / mount.mountPath.strip("/")
    source = folder / (mount.subPath or "")
    if target.is_symlink() and target.readlink() == source:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(source)


async def _files(
    sandbox: Sandbox, volume: Volume, folder: Path, client: AsyncClient | None, lookup: Lookup
) -> AsyncIterator[tuple[str, str]]:
    """Yield the files of a volume that come from the API, each as (relative path, content)."""
    for source in _projections(volume):
        for kind, projection in (("configmaps", source.configMap), ("secrets", source.secret)):
            if projection:
                data = await lookup(kind, sandbox.namespace, projection.name or "")
                if data is None and not projection.optional:
                    raise MissingReferenceError(f"{kind} {projection.name} not found")
                for path, content in _selected(data or {}, projection.items):
                    yield path, content
        for item in (source.downwardAPI.items or []) if source.downwardAPI else []:
            if item.fieldRef:
                yield item.path, field(sandbox, item.fieldRef.fieldPath)
        token = source.serviceAccountToken
        if token and client and _needs_renewal(folder / token.path, token):
            yield token.path, await _token(sandbox, token, client)


def _projections(volume: Volume) -> list[VolumeProjection]:
    """Return the sources of a volume. A ConfigMap, Secret or downward API volume has a single source."""
    if volume.configMap:
        config = ConfigMapProjection(
            name=volume.configMap.name, items=volume.configMap.items, optional=volume.configMap.optional
        )
        return [VolumeProjection(configMap=config)]
    if volume.secret:
        secret = SecretProjection(
            name=volume.secret.secretName, items=volume.secret.items, optional=volume.secret.optional
        )
        return [VolumeProjection(secret=secret)]
    if volume.downwardAPI:
        return [VolumeProjection(downwardAPI=DownwardAPIProjection(items=volume.downwardAPI.items))]
    return (volume.projected.sources or []) if volume.projected else []


def _selected(data: dict[str, str], items: list[KeyToPath] | None) -> list[tuple[str, str]]:
    if items is None:
        return list(data.items())
    return [(item.path, data[item.key]) for item in items if item.key in data]


def _needs_renewal(path: Path, projection: ServiceAccountTokenProjection) -> bool:
    return not path.exists() or time.time() - path.stat().st_mtime > RENEWAL_SHARE * (
        projection.expirationSeconds or TOKEN_LIFETIME_SECONDS
    )


async def _token(sandbox: Sandbox, projection: ServiceAccountTokenProjection, client: AsyncClient) -> str:
    pod = BoundObjectReference(apiVersion="v1", kind="Pod", name=sandbox.name, uid=sandbox.uid)
    audiences = [projection.audience] if projection.audience else []
    request = TokenRequestSpec(
        audiences=audiences,
        boundObjectRef=pod,
        expirationSeconds=projection.expirationSeconds or TOKEN_LIFETIME_SECONDS,
    )
    reply = await client.create(
        ServiceAccountToken(metadata=ObjectMeta(), spec=request),
        sandbox.spec.serviceAccountName or "default",
        namespace=sandbox.namespace,
    )
    if not reply.status or not reply.status.token:
        raise MissingReferenceError("the API server returned no token")
    return reply.status.token


def _write(path: Path, content: str) -> None:
    """Replace the file atomically. Only its owner can read it."""
    data = content.encode(errors="surrogateescape")
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        handle.write(data)
    partial.rename(path)
