"""The logged-in user of the current call, as the gateway read it from the access token."""

from collections.abc import Iterable
from contextvars import ContextVar

# Set by mesh/istio/base/tokens.yaml, which drops the header from requests that bring their own. Calls between services
# have no logged-in user.
HEADER = "x-principal"

_principal: ContextVar[str | None] = ContextVar("principal", default=None)


def set_principal(metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Set the logged-in user of the current call from its metadata."""
    name: str | None = None
    for key, value in metadata:
        if key == HEADER:
            # Two headers become a name that matches no user, rather than one of the two.
            name = str(value) if name is None else f"{name},{value!s}"
    _principal.set(name)


def principal() -> str | None:
    """Return the resource name of the logged-in user, "<collection>/<id>"; None for a call between services."""
    return _principal.get()
