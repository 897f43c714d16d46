"""`mesh resume`: resume a parked order, as the operator."""

from mesh.local.clients import operator_job
from mesh.local.clients.kubectl import Cluster, Kubectl
from mesh.local.errors import MeshError


def run(cluster: Cluster, order: str) -> int:
    """Resume the order, and return the operator's exit code. Raises MeshError."""
    if not order:
        raise MeshError("the name of the order is empty", fix="`mesh resume orders/<id>`")
    return operator_job.show(Kubectl.for_cluster(cluster), "resume", order)
