"""Channels to other services: which address to dial under which name. The mesh decides everything else."""

import grpc.aio

from services.runtime.config import Settings
from services.runtime.rpc.calls import Channel
from services.runtime.telemetry import Tracing

# The `grpc` port of every Kubernetes Service.
PORT = 50051
# The largest headers of a reply: what a sidecar lets pass (60 KiB), and more. With one limit for both settings no size
# is rejected at random. Our own servers send less than gRPC's default of 8 KiB (rpc/status.py).
MAX_METADATA_BYTES = 64 * 1024


def open_channel(settings: Settings, service: str, tracing: Tracing) -> grpc.aio.Channel:
    """Open a plaintext channel to `service`, for example "catalog". The caller closes it.

    The address is `<SERVICE>_TARGET` if that is set (no mesh); else GRPC_EGRESS, with the service's own authority (a
    sidecar that listens on an address); else the service's cluster name (a sidecar that captures traffic). The sidecar
    adds TLS, retries, timeouts and load balancing.
    """
    host = f"{service}.{settings.namespace}.svc.cluster.local"
    target = settings.targets.get(service.upper().replace("-", "_"))
    options: list[tuple[str, str | int]] = [
        ("grpc.enable_retries", 0),
        # An http_proxy in the environment is meant for the internet, not for the mesh.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ]
    if target is None and settings.egress is not None:
        target = settings.egress
        options.append(("grpc.default_authority", host))
    address = f"{host}:{PORT}"
    # A sidecar's listener serves all services. Spans name the one that is called.
    called = address if target is None or target == settings.egress else target
    return Channel(grpc.aio.insecure_channel(target or address, options=options), called, tracing)
