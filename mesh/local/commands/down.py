"""`mesh down`: stop every process of the mesh."""

from mesh.local import instance
from mesh.local.lifecycle.stop import stop
from mesh.local.terminal import console


def run(name: str, *, purge: bool) -> int:
    """Stop the mesh. Do nothing if there is no such mesh."""
    mesh = instance.existing(name)
    if not mesh:
        console.print(f"there is no mesh '{name}': nothing to do")
        return 0
    with console.status(f"stopping mesh '{name}'"):
        ran = stop(mesh, purge=purge)
    console.print(
        f"mesh '{name}' {'stopped' if ran else 'was not running'}{'; its folder is removed' if purge else ''}"
    )
    return 0
