"""`mesh env`: the variables with which a shell's tools reach the mesh."""

import shlex

import typer

from mesh.local import instance, tools
from mesh.local.clients import shell


def run(name: str) -> int:
    """Print the variables as shell commands. Raises MeshError."""
    for key, value in shell.variables(instance.load(name)).items():
        typer.echo(f"export {key}={shlex.quote(value)}")
    typer.echo(f"export PATH={shlex.quote(str(tools.bin_dir()))}:$PATH")
    return 0
