"""Checks that the limits of the shell (`ulimit`) and the disk leave enough for a mesh, before it starts."""

import resource
import shutil

from mesh.local.errors import MeshError
from mesh.local.instance import Instance

GIB = 2**30
MIN_FREE_BYTES = GIB // 2
"""etcd, Kafka and the logs of a new mesh use less than half of it."""
LIMITS = {
    "ulimit -n": (resource.RLIMIT_NOFILE, 1024, "open files"),
    "ulimit -u": (resource.RLIMIT_NPROC, 2048, "processes and threads of the user"),
    "ulimit -f": (resource.RLIMIT_FSIZE, GIB, "bytes of a file"),
    "ulimit -v": (resource.RLIMIT_AS, 32 * GIB, "bytes of address space, most of which etcd reserves without using it"),
    "ulimit -t": (resource.RLIMIT_CPU, resource.RLIM_INFINITY, "seconds of processor time"),
}
"""What sets a limit: its number, what the largest process of a mesh needs, and what it counts."""


def raise_limits() -> None:
    """Raise the limits of this process, which the mesh inherits, as far as the mesh needs and the user may.

    Raises:
        MeshError: a limit is too low.
    """
    for command, (number, needed, what) in LIMITS.items():
        soft, hard = resource.getrlimit(number)
        if _is_lower(hard, needed):
            minimum = "no limit" if needed == resource.RLIM_INFINITY else f"at least {needed}"
            raise MeshError(
                f"the limit of {what} is too low for a mesh",
                why=f"{hard}, and it needs {minimum}",
                fix=f"raise `{command}`",
            )
        if _is_lower(soft, needed):
            resource.setrlimit(number, (needed, hard))


def check_disk(mesh: Instance) -> None:
    """Check that the disk has space for the data of a mesh. Raises MeshError."""
    if (free := shutil.disk_usage(mesh.home).free) < MIN_FREE_BYTES:
        raise MeshError(
            f"not enough disk for the mesh in {mesh.home}",
            why=f"{free >> 20} MiB are free, and it needs {MIN_FREE_BYTES >> 20} MiB",
            fix="free some, or set MESH_STATE_HOME",
        )


def _is_lower(limit: int, needed: int) -> bool:
    if limit == resource.RLIM_INFINITY:
        return False
    return needed == resource.RLIM_INFINITY or limit < needed
