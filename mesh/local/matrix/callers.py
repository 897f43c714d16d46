"""The callers, and which of them may call which method by the contracts' options and the services' declarations."""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.local.matrix.declared import Method, Service
from mesh.options.v1 import options_pb2

ANONYMOUS, USER = "anonymous", "user"
"""Callers outside of the mesh, without and with a token."""
STRANGER = "stranger"
"""A workload in the mesh that no declaration names."""


@dataclass(frozen=True)
class Caller:
    """A caller outside of the mesh, which calls through the gateway, or a workload inside."""

    name: str
    inside: bool
    logged_in: bool = False
    role: str = ""
    """The role of a caller outside, besides that of every user."""

    def may_call(self, method: Method) -> bool:
        """Return whether the declarations allow the call."""
        if self.inside:
            return self.name in method.callers
        if method.audience == options_pb2.AUDIENCE_SIGNED_IN:
            return self.logged_in and (not method.roles or self.role in method.roles)
        return method.audience == options_pb2.AUDIENCE_ANYONE


def callers(methods: Sequence[Method], services: Sequence[Service]) -> list[Caller]:
    """Return all callers: users without a token, with one, and with each role; every service; and the stranger."""
    roles = sorted({role for method in methods for role in method.roles})
    outside = [Caller(ANONYMOUS, inside=False), Caller(USER, inside=False, logged_in=True)]
    outside += [Caller(role, inside=False, logged_in=True, role=role) for role in roles]
    return outside + [Caller(name, inside=True) for name in (*(each.name for each in services), STRANGER)]
