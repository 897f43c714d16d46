"""The variables that connect a shell, or a command that is shown for a shell, to a mesh."""

import os

from mesh.local import loopback, tools
from mesh.local.instance import Instance


def variables(mesh: Instance) -> dict[str, str]:
    """Return the variables of `mesh env`, without PATH."""
    return {
        "KUBECONFIG": str(mesh.kubeconfig),
        "MESH_INSTANCE": mesh.name,
        "MESH_GATEWAY": mesh.gateway,
        "MESH_TLS_GATEWAY": mesh.tls_gateway,
        "MESH_CA": str(mesh.gateway_ca),
        "MESH_HOME": str(mesh.home),
        **dict(loopback.no_proxy(mesh.gateway.rpartition(":")[0])),
    }


def environment(mesh: Instance) -> dict[str, str]:
    """Return the environment of a shell after `eval "$(mesh env)"`. Raises MeshError if the tools are not built."""
    path = f"{tools.bin_dir()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # KUBERC: the user's preferences of kubectl can change what a command does.
    return {**os.environ, **variables(mesh), "PATH": path, "KUBERC": "off"}
