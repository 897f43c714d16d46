"""`mesh env`: the variables with which a shell's tools reach the mesh."""

import shlex

import typer

from mesh.local import instance, loopback, tools


def run(name: str) -> int:
    """Print the variables as shell commands. Raises MeshError."""
    mesh = instance.load(name)
    for key, value in (
        ("KUBECONFIG", str(mesh.kubeconfig)),
        ("MESH_INSTANCE", mesh.name),
        ("MESH_GATEWAY", mesh.gateway),
        ("MESH_TLS_GATEWAY", mesh.tls_gateway),
        ("MESH_CA", str(mesh.gateway_ca)),
        ("MESH_HOME", str(mesh.home)),
        *loopback.no_proxy(mesh.gateway.rpartition(":")[0]),
    ):
        typer.echo(f"export {key}={shlex.quote(value)}")
    typer.echo(f"export PATH={shlex.quote(str(tools.bin_dir()))}:$PATH")
    return 0
