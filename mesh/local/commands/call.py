"""`mesh call`: call a method as the operator."""

from mesh.local.clients import operator_job
from mesh.local.clients.kubectl import Cluster, Kubectl
from mesh.local.errors import MeshError


def run(cluster: Cluster, method: str, request: str) -> int:
    """Call the method, and return the operator's exit code: 1 if the call fails. Raises MeshError."""
    if not method:
        raise MeshError("the name of the method is empty", fix="`mesh call <package>.<Service>/<Method> JSON`")
    return operator_job.show(Kubectl.for_cluster(cluster), "call", method, request or "{}")
