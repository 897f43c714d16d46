"""`mesh proxy`: the admin API of a workload's Envoy."""

import typer

from mesh.local import instance
from mesh.local.clients import envoy


def run(name: str, workload: str, path: str) -> int:
    """Print the response of the Envoy in the workload's first running Pod. Raises MeshError."""
    typer.echo(envoy.query_workload(instance.load(name), workload, path))
    return 0
