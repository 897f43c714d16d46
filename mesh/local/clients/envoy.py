"""The admin API of the Envoy in a Pod."""

from typing import Any

from mesh.local import loopback
from mesh.local.clients.kubectl import Kubectl, namespace_of
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

TIMEOUT_SECONDS = 10


def query_workload(mesh: Instance, workload: str, path: str) -> str:
    """Return the response of the Envoy in a workload's first running Pod.

    Raises:
        MeshError: no such Pod runs, or its Envoy does not respond.
    """
    namespace = namespace_of(workload)
    pods = Kubectl.of(mesh).get("pods", "-n", namespace, "--field-selector=status.phase=Running")["items"]
    owned = [pod for pod in pods if _owner(pod).startswith(f"{workload}-")]
    if not owned:
        raise MeshError(f"no Pod of {workload} runs in {namespace}", fix="`mesh status` lists what runs")
    return query_pod(mesh, owned[0], path)


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
            fix="`mesh proxy WORKLOAD help` lists the paths",
        ) from None


def _owner(pod: dict[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or [{"name": ""}]
    return str(owners[0]["name"])
