"""`mesh token`: an access token of a demo user."""

import typer

from mesh.local.clients import users
from mesh.local.processes import load_running


def run(name: str, role: str) -> int:
    """Print an access token of the demo user with the role. Raises MeshError."""
    typer.echo(users.token(load_running(name), role))
    return 0
