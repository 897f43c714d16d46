"""The logged-in user of the current call, as the gateway read it from the access token."""

from services.runtime.rpc.metadata import get_metadata

# Set by mesh/istio/base/tokens.yaml, which drops the header from requests that bring their own. Calls between services
# have no logged-in user.
HEADER = "x-principal"


def principal() -> str | None:
    """Return the resource name of the logged-in user, "<collection>/<id>"; None for a call between services."""
    names = [str(value) for key, value in get_metadata() if key == HEADER]
    # Two headers become a name that matches no user, rather than one of the two.
    return ",".join(names) if names else None
