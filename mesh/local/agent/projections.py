"""The files of volumes that come from the API: ConfigMaps, Secrets, the downward API, tokens."""

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from lightkube import AsyncClient
from lightkube.models.authentication_v1 import BoundObjectReference, TokenRequestSpec
from lightkube.models.core_v1 import (
    ConfigMapProjection,
    DownwardAPIProjection,
    DownwardAPIVolumeFile,
    SecretProjection,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from mesh.local.agent.atomic_writer import DATA, File, Files
from mesh.local.agent.environment import Lookup, MissingReferenceError, field, resource
from mesh.local.agent.sandbox import Sandbox

DEFAULT_MODE = 0o644
TOKEN_LIFETIME_SECONDS = 3600
RENEWAL_SHARE = 0.8
"""A token is renewed after this share of its lifetime."""


@dataclass(frozen=True)
class Sources:
    """What the files of a volume come from, and their mode."""

    projections: list[VolumeProjection]
    mode: int

    @classmethod
    def of(cls, volume: Volume) -> "Sources | None":
        """Return the sources of a volume; None if its files do not come from the API."""
        if source := volume.configMap:
            config = ConfigMapProjection(name=source.name, items=source.items, optional=source.optional)
            return cls([VolumeProjection(configMap=config)], _mode(source.defaultMode))
        if hidden := volume.secret:
            secret = SecretProjection(name=hidden.secretName, items=hidden.items, optional=hidden.optional)
            return cls([VolumeProjection(secret=secret)], _mode(hidden.defaultMode))
        if fields := volume.downwardAPI:
            downward = DownwardAPIProjection(items=fields.items)
            return cls([VolumeProjection(downwardAPI=downward)], _mode(fields.defaultMode))
        if projected := volume.projected:
            return cls(projected.sources or [], _mode(projected.defaultMode))
        return None

    async def collect(self, sandbox: Sandbox, folder: Path, client: AsyncClient | None, lookup: Lookup) -> Files:
        """Return the files. `folder` is the volume, in which valid tokens are kept.

        Raises:
            MissingReferenceError: a ConfigMap, Secret or key does not exist (yet), or a source is of another kind.
        """
        files: Files = {}
        for source in self.projections:
            if source.clusterTrustBundle or source.podCertificate:
                raise MissingReferenceError("this node projects no clusterTrustBundle and no podCertificate")
            async for path, file in _of_objects(source, sandbox, self.mode, lookup):
                files[path] = file
            for item in (source.downwardAPI.items or []) if source.downwardAPI else []:
                files[item.path] = File(_field(item, sandbox).encode(), _mode(item.mode, self.mode))
            if (token := source.serviceAccountToken) and client:
                content = _valid_token(folder / DATA / token.path) or await _request_token(sandbox, token, client)
                files[token.path] = File(content, self.mode)
        return files


async def _of_objects(
    source: VolumeProjection, sandbox: Sandbox, mode: int, lookup: Lookup
) -> AsyncIterator[tuple[str, File]]:
    for kind, projection in (("configmaps", source.configMap), ("secrets", source.secret)):
        if not projection:
            continue
        data = await lookup(kind, sandbox.namespace, projection.name or "")
        if not data and not projection.optional:
            raise MissingReferenceError(f"{kind} {projection.name} not found")
        contents = data.files if data else {}
        if not projection.items:
            for key, content in contents.items():
                yield key, File(content, mode)
        for item in projection.items or []:
            if item.key in contents:
                yield item.path, File(contents[item.key], _mode(item.mode, mode))
            elif not projection.optional:
                raise MissingReferenceError(f"{kind} {projection.name} has no key {item.key}")


def _field(item: DownwardAPIVolumeFile, sandbox: Sandbox) -> str:
    if item.fieldRef:
        return field(sandbox, item.fieldRef.fieldPath)
    if item.resourceFieldRef:
        containers = [*(sandbox.spec.initContainers or []), *sandbox.spec.containers]
        name = item.resourceFieldRef.containerName
        return resource(next(each for each in containers if each.name == name), item.resourceFieldRef)
    return ""


def _mode(mode: int | None, default: int = DEFAULT_MODE) -> int:
    return default if mode is None else mode


def _valid_token(path: Path) -> bytes | None:
    """Return the token in a file; None if there is none, or if most of its lifetime is over."""
    try:
        content = path.read_bytes()
        payload = content.split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        renewal = claims["iat"] + RENEWAL_SHARE * (claims["exp"] - claims["iat"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return content if time.time() < renewal else None


async def _request_token(sandbox: Sandbox, projection: ServiceAccountTokenProjection, client: AsyncClient) -> bytes:
    pod = BoundObjectReference(apiVersion="v1", kind="Pod", name=sandbox.name, uid=sandbox.uid)
    request = TokenRequestSpec(
        audiences=[projection.audience] if projection.audience else [],
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
    return reply.status.token.encode()
