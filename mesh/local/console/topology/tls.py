"""Whether the Envoys call a service with TLS, as their clusters and endpoints say (envoy.config.cluster.v3)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

MATCH_KEY = "envoy.transport_socket_match"
"""The metadata of an endpoint that chooses one of the transport sockets of its cluster."""

Json = Any


class Transport(StrEnum):
    """How a proxy calls the Pods of a service."""

    MUTUAL = "mutual"
    """TLS with a certificate of the caller."""
    TLS = "tls"
    """TLS without one."""
    PLAINTEXT = "plaintext"
    MIXED = "mixed"
    """Not the same for all Pods."""


def transport(cluster: Json, endpoints: Iterable[Mapping[str, str]]) -> Transport | None:
    """Return how a cluster is called. `endpoints` are the labels for the choice of TLS of each Pod."""
    own = [cluster["transport_socket"]] if "transport_socket" in cluster else []
    choices = cluster.get("transport_socket_matches", [])
    if not choices:
        return _security(own[0] if own else None)
    sockets = [
        next((each["transport_socket"] for each in choices if each.get("match", {}).items() <= labels.items()), None)
        or (own[0] if own else None)
        for labels in endpoints
    ]
    return combined(_security(socket) for socket in sockets)


def combined(transports: Iterable[Transport | None]) -> Transport | None:
    """Return what is true of several proxies or Pods; None if nothing is known."""
    found = set(transports) - {None}
    return Transport.MIXED if len(found) > 1 else next(iter(found), None)


def endpoint_labels(dump: Json) -> dict[str, list[Mapping[str, str]]]:
    """Return the labels for the choice of TLS of each endpoint, by cluster. The dump has EDS."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for each in dump["configs"]:
        assignment = each.get("endpoint_config", {})
        found[assignment.get("cluster_name", "")] = [
            endpoint.get("metadata", {}).get("filter_metadata", {}).get(MATCH_KEY, {})
            for locality in assignment.get("endpoints", [])
            for endpoint in locality.get("lb_endpoints", [])
        ]
    return found


def _security(socket: Json | None) -> Transport:
    if socket is None or not socket["name"].endswith("tls"):
        return Transport.PLAINTEXT
    context = socket.get("typed_config", {}).get("common_tls_context", {})
    has_certificate = "tls_certificate_sds_secret_configs" in context or "tls_certificates" in context
    return Transport.MUTUAL if has_certificate else Transport.TLS
