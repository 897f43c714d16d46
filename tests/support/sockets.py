"""Short paths for Unix sockets. A socket's path has 107 bytes at most; that of a test's folder may have more."""

import itertools
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from weakref import finalize

SOCKET = Path("run/app.sock")
"""Where a service listens, from its own folder."""
MAX_PARENT_BYTES = 48
"""What is left of the 107 bytes is enough for every name below."""

_NUMBERS = itertools.count()


def parent() -> Path:
    """Return a folder for temporary files whose path is short and in which this user may create files."""
    candidates = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")]  # noqa: S108
    for path in map(Path, filter(None, candidates)):
        if len(bytes(path)) <= MAX_PARENT_BYTES and path.is_absolute() and os.access(path, os.W_OK | os.X_OK):
            return path
    raise OSError(f"no folder for Unix sockets: none of {candidates} is short and may be written to")


def address(folder: Path) -> str:
    """Return what a channel to the service in `folder` dials. Nothing needs to listen there yet."""
    return f"unix:{_link(folder) / SOCKET}"


@cache
def _link(folder: Path) -> Path:
    """Create a short link to a folder."""
    link = _links() / str(next(_NUMBERS))
    link.symlink_to(folder)
    return link


@cache
def _links() -> Path:
    """Create the folder of the links. It is removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="sockets-", dir=parent())
    finalize(_links, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
