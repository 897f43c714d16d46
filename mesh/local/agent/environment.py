"""A container's environment: values, references to fields, resources, ConfigMaps, Secrets; `$(VAR)` filled in."""

import base64
import math
import os
import re
from collections.abc import Awaitable, Callable

from lightkube.models.core_v1 import Container, EnvVarSource, ResourceFieldSelector
from lightkube.utils.quantity import parse_quantity

from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import NODE_NAME

Lookup = Callable[[str, str, str], Awaitable[dict[str, str] | None]]
"""(kind `configmaps` or `secrets`, namespace, name) → its decoded data, None when there is none."""


class MissingReferenceError(Exception):
    """A ConfigMap, Secret or key that the container needs does not exist (yet)."""


def decode_secret(data: dict[str, str]) -> dict[str, str]:
    """A Secret's data as text (bytes that are none survive as surrogates)."""
    return {key: base64.b64decode(value).decode(errors="surrogateescape") for key, value in data.items()}


def field(sandbox: Sandbox, path: str) -> str:
    """A field of the Pod as the downward API names it.

    Raises:
        ValueError: the downward API knows no such field.
    """
    meta, spec = sandbox.meta, sandbox.spec
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if keyed:
        return str((getattr(meta, keyed[1]) or {}).get(keyed[2], ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        pairs: dict[str, str] = getattr(meta, path.removeprefix("metadata.")) or {}
        return "".join(f'{key}="{_quoted(value)}"\n' for key, value in sorted(pairs.items()))
    fields = {
        "metadata.name": sandbox.name,
        "metadata.namespace": sandbox.namespace,
        "metadata.uid": sandbox.uid,
        "spec.nodeName": spec.nodeName or NODE_NAME,
        "spec.serviceAccountName": spec.serviceAccountName or "default",
        "status.hostIP": sandbox.instance.node_ip,
        "status.hostIPs": sandbox.instance.node_ip,
        "status.podIP": sandbox.ip,
        "status.podIPs": sandbox.ip,
    }
    if path not in fields:
        raise ValueError(f"the downward API knows no field {path}")
    return fields[path]


def resource(container: Container, selector: ResourceFieldSelector) -> str:
    """A container's limit or request, in units of the divisor, rounded up; without a limit, the machine's own size."""
    group, name = selector.resource.split(".", 1)
    given = (getattr(container.resources, group) or {}).get(name) if container.resources else None
    amount = parse_quantity(given) if given else {"cpu": os.cpu_count(), "memory": machine_memory()}.get(name, 0)
    divisor = parse_quantity(selector.divisor) if selector.divisor and selector.divisor != "0" else 1
    return str(math.ceil((amount or 0) / (divisor or 1)))


def machine_memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


async def resolve(container: Container, sandbox: Sandbox, lookup: Lookup) -> dict[str, str]:
    """The container's own environment as its manifest states it.

    Raises:
        MissingReferenceError: something it refers to is not there (yet).
    """
    env: dict[str, str] = {}
    for source in container.envFrom or []:
        for kind, ref in (("configmaps", source.configMapRef), ("secrets", source.secretRef)):
            if ref:
                data = await lookup(kind, sandbox.namespace, ref.name or "")
                if data is None and not ref.optional:
                    raise MissingReferenceError(f"{kind} {ref.name} not found")
                env |= {f"{source.prefix or ''}{key}": value for key, value in (data or {}).items()}
    for variable in container.env or []:
        value = (
            await _from(variable.valueFrom, container, sandbox, lookup)
            if variable.valueFrom
            else expand(variable.value or "", env)
        )
        if value is not None:
            env[variable.name] = value
    return env


async def _from(source: EnvVarSource, container: Container, sandbox: Sandbox, lookup: Lookup) -> str | None:
    if source.fieldRef:
        return field(sandbox, source.fieldRef.fieldPath)
    if source.resourceFieldRef:
        return resource(container, source.resourceFieldRef)
    for kind, ref in (("configmaps", source.configMapKeyRef), ("secrets", source.secretKeyRef)):
        if ref:
            value = (await lookup(kind, sandbox.namespace, ref.name or "") or {}).get(ref.key)
            if value is None and not ref.optional:
                raise MissingReferenceError(f"{kind} {ref.name} has no key {ref.key}")
            return value
    return None


def expand(text: str, env: dict[str, str]) -> str:
    """Fill in `$(VAR)` as Kubernetes does: unknown names stay as they are, `$$` is a dollar."""
    return re.sub(r"\$\$|\$\(([^)]+)\)", lambda found: "$" if found[0] == "$$" else env.get(found[1], found[0]), text)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
