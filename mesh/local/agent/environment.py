"""A container's environment: values, references to fields, resources, ConfigMaps and Secrets, and `$(VAR)`."""

import dataclasses
import math
import os
import re
from collections.abc import Awaitable, Callable

from lightkube.models.core_v1 import Container, EnvVarSource, ResourceFieldSelector
from lightkube.utils.quantity import parse_quantity

from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import NODE_NAME


@dataclasses.dataclass(frozen=True)
class Data:
    """The decoded data of a ConfigMap or Secret."""

    text: dict[str, str]
    """Bytes of a Secret that are not UTF-8 are surrogates."""
    binary: dict[str, bytes] = dataclasses.field(default_factory=dict)
    """The `binaryData` of a ConfigMap, which only volumes contain."""

    @property
    def files(self) -> dict[str, bytes]:
        """Return all keys, as the files of a volume."""
        return {key: value.encode(errors="surrogateescape") for key, value in self.text.items()} | self.binary


Lookup = Callable[[str, str, str], Awaitable[Data | None]]
"""(kind `configmaps` or `secrets`, namespace, name) → its data; None if it does not exist."""


class MissingReferenceError(Exception):
    """A ConfigMap, Secret or key that the container needs does not exist (yet)."""


def field(sandbox: Sandbox, path: str) -> str:
    """Return a field of the Pod by its name in the downward API.

    Raises:
        ValueError: the downward API has no such field.
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
        "status.hostIP": sandbox.mesh.node_ip,
        "status.hostIPs": sandbox.mesh.node_ip,
        "status.podIP": sandbox.ip,
        "status.podIPs": sandbox.ip,
    }
    if path not in fields:
        raise ValueError(f"the downward API has no field {path}")
    return fields[path]


def resource(container: Container, selector: ResourceFieldSelector) -> str:
    """Return a container's limit or request in units of the divisor, rounded up; by default the machine's size."""
    group, name = selector.resource.split(".", 1)
    quantity = (getattr(container.resources, group) or {}).get(name) if container.resources else None
    amount = parse_quantity(quantity) if quantity else {"cpu": os.cpu_count(), "memory": machine_memory()}.get(name, 0)
    divisor = parse_quantity(selector.divisor) if selector.divisor and selector.divisor != "0" else 1
    return str(math.ceil((amount or 0) / (divisor or 1)))


def machine_memory() -> int:
    """Return the size of this machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


async def resolve(container: Container, sandbox: Sandbox, lookup: Lookup) -> dict[str, str]:
    """Return the environment that the container's manifest declares.

    Raises:
        MissingReferenceError: a ConfigMap, Secret or key does not exist (yet).
    """
    env: dict[str, str] = {}
    for source in container.envFrom or []:
        for kind, ref in (("configmaps", source.configMapRef), ("secrets", source.secretRef)):
            if ref:
                data = await lookup(kind, sandbox.namespace, ref.name or "")
                if data is None and not ref.optional:
                    raise MissingReferenceError(f"{kind} {ref.name} not found")
                env |= {f"{source.prefix or ''}{key}": value for key, value in (data.text if data else {}).items()}
    for variable in container.env or []:
        value = (
            await _read(variable.valueFrom, container, sandbox, lookup)
            if variable.valueFrom
            else expand(variable.value or "", env)
        )
        if value is not None:
            env[variable.name] = value
    return env


async def _read(source: EnvVarSource, container: Container, sandbox: Sandbox, lookup: Lookup) -> str | None:
    if source.fieldRef:
        return field(sandbox, source.fieldRef.fieldPath)
    if source.resourceFieldRef:
        return resource(container, source.resourceFieldRef)
    for kind, ref in (("configmaps", source.configMapKeyRef), ("secrets", source.secretKeyRef)):
        if ref:
            data = await lookup(kind, sandbox.namespace, ref.name or "")
            value = data.text.get(ref.key) if data else None
            if value is None and not ref.optional:
                problem = f"has no key {ref.key}" if data else "not found"
                raise MissingReferenceError(f"{kind} {ref.name} {problem}")
            return value
    raise MissingReferenceError("fileKeyRef does not exist on this node: write the value into a ConfigMap")


def expand(text: str, env: dict[str, str]) -> str:
    """Replace `$(VAR)` by the rules of Kubernetes: unknown names stay unchanged, `$$` is a dollar."""
    return re.sub(r"\$\$|\$\(([^)]+)\)", lambda match: "$" if match[0] == "$$" else env.get(match[1], match[0]), text)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
