"""`mesh user`: the credentials of a demo user."""

import typer

from mesh.local.clients import users
from mesh.local.processes import load_running


def run(name: str, role: str) -> int:
    """Print the e-mail address and the password of the demo user with the role, a line each. Raises MeshError."""
    email, password = users.credentials(load_running(name), role)
    typer.echo(f"{email}\n{password}")
    return 0
