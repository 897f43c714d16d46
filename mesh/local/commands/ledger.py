"""`mesh ledger`: the operator's check that the books of all services balance."""

from mesh.local.clients import operator_job
from mesh.local.clients.kubectl import Cluster, Kubectl


def run(cluster: Cluster, within_seconds: float | None) -> int:
    """Run the check, and return its exit code: 1 if the books do not balance. Raises MeshError."""
    options = [] if within_seconds is None else ["--within", f"{within_seconds:g}"]
    return operator_job.show(Kubectl.for_cluster(cluster), "ledger", *options)
