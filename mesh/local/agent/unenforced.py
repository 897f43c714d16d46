"""The fields of a Pod that this node cannot honour, because a process here has no cgroup, no namespaces and no image.

They are no errors: the same manifests run on a cluster, where they matter. An event of the Pod lists them.
"""

from collections.abc import Iterator
from typing import Any

from lightkube.models.core_v1 import PodSpec

POD_FIELDS = (
    "dnsConfig",
    "hostAliases",
    "hostIPC",
    "hostPID",
    "hostname",
    "overhead",
    "setHostnameAsFQDN",
    "subdomain",
)
CONTAINER_FIELDS = ("devices", "stdin", "tty", "volumeDevices")
HONOURED = {"runAsNonRoot", "allowPrivilegeEscalation"}
"""Fields of a securityContext that hold for every process that an ordinary user starts."""


def find(spec: PodSpec) -> list[str]:
    """Return the names of the fields, sorted."""
    return sorted(set(_find(spec.to_dict())))


def _find(spec: dict[str, Any]) -> Iterator[str]:
    yield from (name for name in POD_FIELDS if spec.get(name))
    if spec.get("dnsPolicy", "ClusterFirst") not in {"ClusterFirst", "ClusterFirstWithHostNet"}:
        yield "dnsPolicy"
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        yield from (name for name in CONTAINER_FIELDS if container.get(name))
        yield from _security(container)
        if container.get("resources", {}).get("limits"):
            yield "resources.limits"
        for mount in container.get("volumeMounts", []):
            # The API server mounts the token of the ServiceAccount read-only into every container.
            if mount.get("readOnly") and not mount["mountPath"].startswith("/var/run/secrets/"):
                yield "volumeMounts.readOnly"
        if any(rule.get("action") != "Restart" for rule in container.get("restartPolicyRules", [])):
            yield "restartPolicyRules.action"
        if any(port.get("hostPort") for port in container.get("ports", [])) and not spec.get("hostNetwork"):
            yield "ports.hostPort"
    yield from _security(spec)


def _security(part: dict[str, Any]) -> Iterator[str]:
    yield from (f"securityContext.{name}" for name in (part.get("securityContext") or {}).keys() - HONOURED)
