"""Records which instance of this user has which number on this machine.

All records are in one folder, independent of MESH_STATE_HOME, TMPDIR and HOME:

    /var/tmp/grpc-mesh-<uid>/<number> -> the instance's state folder

/var/tmp belongs to one machine (several machines may share a home folder) and survives a restart. A record is a
symbolic link, which the kernel creates completely or not at all. It is valid while its target has an instance.json
with the same number. The lock is on the folder: the kernel releases it when the process that holds it ends.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mesh.local.errors import MeshError

PARENT = Path("/var/tmp")  # noqa: S108  # _open checks that the folder in it belongs to this user and is no link
PERMISSIONS_OF_OTHERS = 0o077


@dataclass(frozen=True)
class Reservations:
    """The records, while the lock is held. `folder` is an open file descriptor."""

    folder: int

    def holder(self, number: int) -> Path | None:
        """Return the state folder that has the number; None if no existing instance has it."""
        try:
            home = Path(os.readlink(str(number), dir_fd=self.folder))  # pathlib has no dir_fd
        except FileNotFoundError:
            return None
        return home if saved_number(home) == number else None

    def reserve(self, number: int, home: Path) -> None:
        """Record that the instance in `home` has the number. Write its instance.json before the lock is released."""
        self._remove(number)
        os.symlink(home, str(number), dir_fd=self.folder)

    def release(self, number: int, home: Path) -> None:
        """Remove the record if it belongs to the instance in `home`."""
        with suppress(FileNotFoundError):
            if Path(os.readlink(str(number), dir_fd=self.folder)) == home:
                self._remove(number)

    def _remove(self, number: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(str(number), dir_fd=self.folder)


@contextmanager
def locked(parent: Path = PARENT) -> Iterator[Reservations]:
    """Yield the records in a folder below `parent`. Only one process at a time has them.

    Raises:
        MeshError: the folder cannot be created, or other users can access it.
    """
    path = parent / f"grpc-mesh-{os.geteuid()}"
    folder = _open(path)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield Reservations(folder)
    finally:
        os.close(folder)


def saved_number(home: Path) -> int | None:
    """Return the number in a state folder's instance.json; None if there is none."""
    try:
        return int(json.loads((home / "instance.json").read_text())["number"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _open(path: Path) -> int:
    """Open the folder, and create it first if it is missing. The checks are on the open folder, not on the path."""
    try:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from None
    status = os.fstat(folder)
    problem = ""
    if status.st_uid != os.geteuid():
        problem = f"it belongs to user {status.st_uid}"
    elif status.st_mode & PERMISSIONS_OF_OTHERS:
        problem = f"other users can access it: its mode is {status.st_mode & 0o777:o}, not 700"
    if problem:
        os.close(folder)
        raise _unusable(path, problem)
    return folder


def _unusable(path: Path, why: str) -> MeshError:
    return MeshError(
        f"cannot reserve addresses in {path}",
        why=why,
        fix="remove it, or ask its owner to remove it; `mesh up` creates it again",
    )
