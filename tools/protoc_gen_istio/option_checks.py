"""Faults in the options of this project: (mesh.options.v1.method) and (mesh.options.v1.service)."""

import re
from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Audience, Contract, Method

ROLE = re.compile(r"[a-z][a-z0-9-]{0,62}")
"""Istio reads a `*` at the start or the end of a role as a pattern, so no role has one."""
MAX_TIMEOUT_MS = 3_600_000
MAX_CALLS_PER_MINUTE = 1_000_000
EXAMPLE_ROLE = "stock-clerk"


def option_faults(contract: Contract) -> Iterator[str]:
    """Yield a line for each fault in the options of a service and of its methods."""
    if contract.owner != " ".join(contract.owner.split()) or not contract.owner.isprintable():
        yield f"{contract.options_location}: {contract.name} has the owner {contract.owner!r}: write it as one line"
    yield from (f"{contract.options_location}: {contract.name} {fault}" for fault in contract.stated.faults())
    for method in contract.methods:
        if method.http and not method.public:
            yield (
                f"{method.location}: {method.short} has an HTTP path but no audience: "
                "set (mesh.options.v1.method).audience to who may call it"
            )
        yield from (f"{method.options_location}: {method.short} {fault}" for fault in _method(method))


def _method(method: Method) -> Iterator[str]:
    if method.roles and method.audience is not Audience.SIGNED_IN:
        yield "requires roles, but not a login: set its audience to AUDIENCE_SIGNED_IN, or remove the roles"
    for role in method.roles:
        if not ROLE.fullmatch(role):
            yield (
                f"has the role {role!r}: a role is a word such as {EXAMPLE_ROLE} (at most 63 of a-z, 0-9 and -, a "
                "letter first), and each role is a separate entry"
            )
    yield from (
        f"has the role {role!r} twice: remove one"
        for role in dict.fromkeys(method.roles)
        if method.roles.count(role) > 1
    )
    if method.calls_per_minute and not method.public:
        yield "limits calls from outside, but has no audience: set its audience, or remove calls_per_minute"
    if method.calls_per_minute > MAX_CALLS_PER_MINUTE:
        yield f"has calls_per_minute above {MAX_CALLS_PER_MINUTE}, which limits nothing: lower it, or remove it"
    if method.is_timeout_set and method.stream:
        yield "is a stream, which lasts until its caller ends it: remove its timeout"
    elif method.timeout_ms is not None and not 1 <= method.timeout_ms <= MAX_TIMEOUT_MS:
        yield f"has a timeout of {method.timeout_ms} ms: set one from 1 ms to {MAX_TIMEOUT_MS // 1000} s"
    yield from _objective(method)


def _objective(method: Method) -> Iterator[str]:
    yield from method.stated.faults()
    if method.stream and (method.stated.fast_percent or method.stated.latency_ms):
        yield "is a stream, whose calls have no latency: remove fast_percent and latency from its objective"
    latency, timeout = method.objective.latency_ms, method.timeout_ms
    if latency is not None and timeout is not None and max(timeout, 1) < latency:
        yield f"has a latency of {latency} ms, which is longer than its timeout: set at most {timeout} ms"
