"""services/ holds business rules and nothing of the network: each ban names the mesh's object to use instead."""

import ast
from collections.abc import Iterator

from tests.tidy.tree import Source, Tree, root_of

Finding = tuple[int, str, str]
"""(line, what is banned, what to use instead)"""

RETRY = "the mesh sends calls again: `retries` in a VirtualService, made of `idempotency_level` in the contract"
TIMEOUT = "the mesh bounds calls: `timeout` in a VirtualService; the inbound deadline goes along by itself"
BREAKER = "the mesh ejects what fails: `outlierDetection` in a DestinationRule"
BULKHEAD = "the mesh bounds what is in flight: `connectionPool` in a DestinationRule"
BALANCING = "the mesh chooses endpoints: `loadBalancer` in a DestinationRule"
RATE = "the mesh limits rates: an EnvoyFilter with envoy.filters.http.local_ratelimit"
TLS = "the sidecars speak mutual TLS: PeerAuthentication (mesh/istio/base/mtls.yaml)"
CALLERS = "the mesh knows callers and lets them in: AuthorizationPolicy, made of the callers' service.yaml"
STATUS = "raise a domain error and list it in the ErrorTable: Envoy sees a status in Trailers-Only answers alone"
WAITING = "work by the clock is `Runtime.background().repeat`, and waiting between tries is the mesh's: VirtualService"

IMPORTS = {
    **dict.fromkeys(["tenacity", "backoff", "stamina", "retry", "retrying", "retryhttp", "opnieuw"], RETRY),
    **dict.fromkeys(["circuitbreaker", "pybreaker", "aiobreaker", "purgatory", "hyx"], BREAKER),
    **dict.fromkeys(["aiolimiter", "limits", "pyrate_limiter", "ratelimit"], RATE),
    **dict.fromkeys(["async_timeout", "timeout_decorator"], TIMEOUT),
    **dict.fromkeys(["ssl", "OpenSSL", "trustme"], TLS),
}
RETRY_LIBRARIES = [name for name, instead in IMPORTS.items() if instead == RETRY]

NAMES = {
    **dict.fromkeys(["asyncio.wait_for", "asyncio.timeout", "asyncio.timeout_at", "signal.alarm"], TIMEOUT),
    **dict.fromkeys(["asyncio.sleep", "time.sleep"], WAITING),
    **dict.fromkeys(["asyncio.Semaphore", "asyncio.BoundedSemaphore", "threading.Semaphore"], BULKHEAD),
    **dict.fromkeys(["grpc.secure_channel", "grpc.aio.secure_channel", "grpc.local_channel_credentials"], TLS),
    **dict.fromkeys(["grpc.ssl_channel_credentials", "grpc.ssl_server_credentials", "grpc.alts_channel_creds"], TLS),
    # Whoever makes the details of a call sets its timeout, and its credentials.
    "grpc.aio.ClientCallDetails": TIMEOUT,
}
"""Full names, wherever they stand."""

ATTRIBUTES = {
    **dict.fromkeys(["set_code", "set_details", "abort", "abort_with_status"], STATUS),
    # What is sent before the status makes a trailer of it.
    **dict.fromkeys(["send_initial_metadata", "set_trailing_metadata"], STATUS),
    **dict.fromkeys(["peer_identities", "peer_identity_key", "auth_context"], CALLERS),
    "add_secure_port": TLS,
}
"""Methods of gRPC's own objects, known by name alone: no other object of ours has one of that name."""

KEYWORDS = {
    **dict.fromkeys(["timeout", "wait_for_ready"], TIMEOUT),
    "maximum_concurrent_rpcs": BULKHEAD,
}
"""Arguments of any call."""

WORDS = {
    **dict.fromkeys(["retryPolicy", "retryThrottling", "hedgingPolicy"], RETRY),
    **dict.fromkeys(["grpc.lb_policy_name", "loadBalancingPolicy", "loadBalancingConfig"], BALANCING),
    "x-forwarded-client-cert": CALLERS,
}
"""What no text in the code may hold."""

TEXTS = {
    "grpc.service_config": RETRY,
    "grpc.enable_retries": RETRY,
}
"""What no text in the code may be."""

RETRIES_OFF = "('grpc.enable_retries', 0)"

EXCEPTIONS = {
    ("services/runtime/background.py", "asyncio.sleep"): "the clock of `repeat` itself; no call waits for it",
    ("services/runtime/background.py", "timeout="): "how long the process's own end may take; no call is bounded by it",
    ("services/runtime/rpc/deadlines.py", "asyncio.timeout"): "an inbound call is answered before its own deadline",
    (
        "services/runtime/rpc/deadlines.py",
        "grpc.aio.ClientCallDetails",
    ): "passes the inbound deadline on and makes up none",
    ("services/runtime/rpc/interceptor.py", "abort"): "where the ErrorTable's answers are given, Trailers-Only",
}
"""(file, what is banned) → why it may stand there."""


def resilience(tree: Tree) -> list[str]:
    """Answer every piece of resilience code in services/."""
    return [
        f"{source.file}:{line} {what}: {instead}"
        for source in tree.python("services")
        for line, what, instead in _found(source)
        if (str(source.file), what) not in EXCEPTIONS
    ]


def unused_exceptions(tree: Tree) -> list[str]:
    """Answer the exceptions that nothing needs any more."""
    found = {(str(source.file), what) for source in tree.python("services") for _, what, _ in _found(source)}
    return [f"{file} has no {what} any more: take it out of EXCEPTIONS" for file, what in EXCEPTIONS.keys() - found]


def retry_libraries(tree: Tree) -> list[str]:
    """Answer the uses of tenacity and its kind outside of tests and tools, and such a dependency of what is served."""
    offences = [
        f"{source.file}:{line} {name}: only tests and tools wait for a condition with it; elsewhere, {RETRY}"
        for source in tree.python("services", "mesh")
        for name, line in source.imports.items()
        if root_of(name) in RETRY_LIBRARIES
    ]
    served = tree.text("pyproject.toml").partition("\ndependencies = [")[2].partition("]\n")[0]
    names = [line.strip(' ",').split(">")[0] for line in served.splitlines()]
    return offences + [
        f"pyproject.toml {name}: belongs to the extra `dev`" for name in names if name in RETRY_LIBRARIES
    ]


def _found(source: Source) -> Iterator[Finding]:
    """Answer whatever is banned, exceptions too."""
    yield from _imported(source)
    for node in source.nodes:
        if isinstance(node, ast.Attribute):
            if (name := source.name(node)) in NAMES:
                yield node.lineno, name, NAMES[name]
            elif node.attr in ATTRIBUTES:
                yield node.lineno, node.attr, ATTRIBUTES[node.attr]
        elif isinstance(node, ast.Call):
            given = (keyword.arg for keyword in node.keywords if keyword.arg in KEYWORDS)
            yield from ((node.lineno, f"{name}=", KEYWORDS[name]) for name in given if name)
        elif isinstance(node, ast.While | ast.For | ast.AsyncFor):
            yield from _tries_again(source, node)
    yield from _written(source)


def _imported(source: Source) -> Iterator[Finding]:
    for name, line in source.imports.items():
        if root_of(name) in IMPORTS:
            yield line, root_of(name), IMPORTS[root_of(name)]
        elif name in NAMES:
            yield line, name, NAMES[name]


def _written(source: Source) -> Iterator[Finding]:
    # Turning gRPC's own retries off leaves them to the mesh.
    off = {node.lineno for node in source.nodes if isinstance(node, ast.Tuple) and ast.unparse(node) == RETRIES_OFF}
    for line, text in source.texts:
        found = {word: WORDS[word] for word in WORDS if word in text}
        found |= {text: TEXTS[text]} if text in TEXTS and line not in off else {}
        yield from ((line, f'"{each}"', instead) for each, instead in found.items())


def _tries_again(source: Source, loop: ast.While | ast.For | ast.AsyncFor) -> Iterator[Finding]:
    """A loop that catches a call's failure, and so goes on to the next try."""
    for node in ast.walk(loop):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            kinds = [source.name(kind) for kind in ast.walk(node.type)]
            if any(kind.endswith("RpcError") for kind in kinds):
                yield node.lineno, "a loop over a failing call", RETRY
