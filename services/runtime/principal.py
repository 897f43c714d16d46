"""Who is signed in for the call under way, as the gateway has it from the token."""

from collections.abc import Iterable
from contextvars import ContextVar

# mesh/istio/base/tokens.yaml fills it in; from outside nothing comes by that name. Inside the mesh nobody is signed in.
HEADER = "x-principal"

_principal: ContextVar[str | None] = ContextVar("principal", default=None)


def set_principal(metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Note who is signed in, for the call that runs from here on."""
    names = [str(value) for key, value in metadata if key == HEADER]
    # Two are nobody that there is, rather than one of them.
    _principal.set(",".join(names) if names else None)


def principal() -> str | None:
    """Answer the name of who is signed in, "<collection>/<id>"; nobody is for a call from inside the mesh."""
    return _principal.get()
