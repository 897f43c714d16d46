"""The admin API of the Envoy in a Pod."""

from typing import Any

from mesh.local import loopback
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

TIMEOUT_SECONDS = 10


def query_pod(mesh: Instance, pod: dict[str, Any], path: str) -> str:
    """Return the response of the Envoy in a Pod; `pod` is the object from the Kubernetes API.

    Raises:
        MeshError: Envoy does not respond.
    """
    try:
        slot = int((mesh.pods / pod["metadata"]["uid"] / "slot").read_text())
        url = f"http://127.0.0.1:{mesh.admin_port(slot)}/{path.lstrip('/')}"
        with loopback.open_url(url, TIMEOUT_SECONDS) as reply:
            text: str = reply.read().decode()
            return text
    except OSError as error:
        raise MeshError(
            f"the Envoy of {pod['metadata']['name']} did not respond to /{path}",
            why=str(error),
            fix="`mesh status` shows whether the Pod runs",
        ) from None
