"""services/ contain no resilience code: retries, timeouts, limits, balancing and TLS are the mesh's.

services/ruff.toml bans libraries and functions. This law finds what ruff cannot see: methods of gRPC objects,
arguments, settings in strings, and loops that repeat a failed call. Each violation names what to use instead.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.tidy.tree import Source, Tree

RETRY = "the mesh retries, `retries` in a VirtualService, as `idempotency_level` in the contract allows"
TIMEOUT = "the mesh sets timeouts, `timeout` in a VirtualService; the runtime passes deadlines on"
LIMIT = "the mesh limits calls in flight, `connectionPool` in a DestinationRule"
BALANCING = "the mesh chooses endpoints, `loadBalancer` in a DestinationRule"
TLS = "the sidecars encrypt, PeerAuthentication in mesh/istio/base/mtls.yaml"
CALLERS = "the mesh authorizes callers: AuthorizationPolicy, generated from the callers' service.yaml"
STATUS = "raise a domain error and list it in the ErrorTable: Envoy reads a status only from a Trailers-Only response"

# Only gRPC's objects have methods of these names. Anything sent before the status prevents a Trailers-Only response.
ATTRIBUTES = {
    **dict.fromkeys(["set_code", "set_details", "abort", "abort_with_status"], STATUS),
    **dict.fromkeys(["send_initial_metadata", "set_trailing_metadata"], STATUS),
    **dict.fromkeys(["peer_identities", "peer_identity_key", "auth_context"], CALLERS),
    "add_secure_port": TLS,
}
ARGUMENTS = {"timeout": TIMEOUT, "wait_for_ready": TIMEOUT, "maximum_concurrent_rpcs": LIMIT}
SETTINGS = {
    **dict.fromkeys(["retryPolicy", "retryThrottling", "hedgingPolicy"], RETRY),
    **dict.fromkeys(["grpc.lb_policy_name", "loadBalancingPolicy", "loadBalancingConfig"], BALANCING),
    "x-forwarded-client-cert": CALLERS,
}
"""Banned parts of strings."""
OPTIONS = {"grpc.enable_retries": RETRY, "grpc.service_config": RETRY}
"""Banned strings."""
RETRIES_OFF = "('grpc.enable_retries', 0)"
"""Allowed: it turns the retries of gRPC off."""

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("services/runtime/background.py", "timeout="): "how long the process may take to stop; it limits no call",
    ("services/runtime/metrics/registry.py", "timeout="): "how long a scrape waits; no call waits for metrics",
    ("services/runtime/rpc/calls.py", "timeout="): "passes on the remaining time of the inbound call; it adds no limit",
    ("services/runtime/telemetry/exporter.py", "timeout="): "the collector is no service of the mesh; no call waits",
    ("services/runtime/rpc/interceptor.py", "abort"): "sends the statuses of the ErrorTable, Trailers-Only",
}
"""(file, what is banned) → why it is allowed there."""


def resilience(tree: Tree) -> Iterator[str]:
    """Yield each piece of resilience code in services/, and each exception that is no longer needed."""
    used = set()
    for source in tree.python("services"):
        for line, banned, instead in _banned(source):
            if (key := (str(source.file), banned)) in EXCEPTIONS:
                used.add(key)
            else:
                yield f"{source.file}:{line} {banned}: {instead}"
    for file, banned in sorted(EXCEPTIONS.keys() - used):
        if tree.contains(PurePosixPath(file)):
            yield f"{file} no longer uses {banned}: remove it from EXCEPTIONS"


def _banned(source: Source) -> Iterator[tuple[int, str, str]]:
    """Yield (line, what is banned, what to use instead)."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield node.lineno, node.attr, ATTRIBUTES[node.attr]
        elif isinstance(node, ast.Call):
            names = [keyword.arg for keyword in node.keywords if keyword.arg in ARGUMENTS]
            yield from ((node.lineno, f"{name}=", ARGUMENTS[name]) for name in names if name)
        elif isinstance(node, ast.While | ast.For | ast.AsyncFor):
            yield from _repeated_calls(source, node)
    off = {node.lineno for node in source.nodes if isinstance(node, ast.Tuple) and ast.unparse(node) == RETRIES_OFF}
    for line, text in source.strings:
        yield from ((line, f'"{name}"', instead) for name, instead in SETTINGS.items() if name in text)
        if text in OPTIONS and line not in off:
            yield line, f'"{text}"', OPTIONS[text]


def _repeated_calls(source: Source, loop: ast.While | ast.For | ast.AsyncFor) -> Iterator[tuple[int, str, str]]:
    """Yield each handler in a loop that catches the failure of a call, and so repeats the call."""
    for node in ast.walk(loop):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            caught = [source.full_name(part) for part in ast.walk(node.type)]
            if any(name.endswith("RpcError") for name in caught):
                yield node.lineno, "a loop over a failing call", RETRY
