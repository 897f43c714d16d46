"""A call as a proxy sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.local.errors import MeshError

JWT_FILTER = "envoy.filters.http.jwt_authn"
"""The filter under whose name Envoy keeps the claims of a verified token."""


@dataclass(frozen=True)
class Request:
    """A gRPC call on its way into a proxy. It has the headers of every gRPC call, and those that the user names."""

    path: str
    """ "/<package>.<Service>/<Method>"."""
    authority: str
    port: int
    """The port of the proxy's listener."""
    principal: str = ""
    """The SPIFFE URI of the caller's certificate; empty without mutual TLS."""
    address: str | None = None
    """The address that the connection comes from, if it is known."""
    remote_address: str | None = None
    """The address of the first caller, if it is known. Behind a gateway, it is the client's."""
    destination: str = ""
    """The address of the proxy's listener, or of its Pod."""
    server_name: str = ""
    """The name that the caller asks for in TLS (SNI)."""
    token: Mapping[str, Any] | None = None
    """The claims of the token in the header `authorization`, which no proxy has verified yet."""
    claims: Mapping[str, Any] | None = None
    """The claims of the token that a proxy has verified."""
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the call."""
        usual = {
            ":method": "POST",
            ":path": self.path,
            ":authority": self.authority,
            "content-type": "application/grpc",
            "te": "trailers",
        }
        return usual | dict(self.extra_headers)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The facts that filters of the proxy know about the call: filter → key → value."""
        return {JWT_FILTER: {"payload": self.claims}} if self.claims is not None else {}


def known_address(address: str | None) -> str:
    """Return an address that a rule needs. Raises MeshError if it is not known."""
    if address is None:
        raise MeshError(
            "the decision depends on the address of the caller, which is not known",
            why="a policy has ipBlocks or remoteIpBlocks",
            fix="name one: --address 192.0.2.1",
        )
    return address
