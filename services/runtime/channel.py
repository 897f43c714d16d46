"""Channels to other services: where to dial and under which name, and nothing that the mesh decides."""

import grpc.aio

from services.runtime import telemetry
from services.runtime.config import Settings
from services.runtime.deadline import StreamDeadline, UnaryDeadline

# Port of every service's `grpc` Service port.
PORT = 50051


def channel(settings: Settings, service: str) -> grpc.aio.Channel:
    """Open a plaintext channel to `service`, for example "catalog"; close it when done.

    It dials `<SERVICE>_TARGET` if that is set (no mesh), or GRPC_EGRESS under the service's own authority (a sidecar
    that listens on an address), or the service's cluster name (a sidecar that captures). Encryption, retries, timeouts
    and balancing are the sidecar's.
    """
    host = f"{service}.{settings.namespace}.svc.cluster.local"
    target = settings.targets.get(service.upper().replace("-", "_"))
    options: list[tuple[str, str | int]] = [
        ("grpc.enable_retries", 0),
        # An http_proxy in the environment is for the world outside, not for the mesh.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),
    ]
    if target is None and settings.egress is not None:
        target = settings.egress
        options.append(("grpc.default_authority", host))
    return grpc.aio.insecure_channel(
        target or f"{host}:{PORT}",
        options=options,
        interceptors=[*telemetry.client_interceptors(), UnaryDeadline(), StreamDeadline()],
    )
