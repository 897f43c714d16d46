"""Which instance has which number, on this machine and for this user.

The records stand in one folder, whatever MESH_STATE_HOME, TMPDIR or HOME say:

    /var/tmp/grpc-mesh-<uid>/<number> -> the instance's state folder

/var/tmp is the machine's own (a home folder may be shared by several machines) and survives a restart. A record is a
symbolic link: the kernel creates all of it or nothing. It counts as long as its target holds an instance.json with the
same number. The lock is on the folder: the kernel releases it when its holder ends, however it ends.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mesh.local.errors import MeshError

PARENT = Path("/var/tmp")  # noqa: S108  # checked below: nobody else's, and no link
OTHERS = 0o077
"""Permission bits of everybody but the owner."""


@dataclass(frozen=True)
class Reservations:
    """The records, while the lock is held. `folder` is an open file descriptor."""

    folder: int

    def holder(self, number: int) -> Path | None:
        """Return the state folder that has the number; None if no existing instance has it."""
        try:
            home = Path(os.readlink(str(number), dir_fd=self.folder))  # pathlib knows no dir_fd
        except FileNotFoundError:
            return None
        return home if saved_number(home) == number else None

    def reserve(self, number: int, home: Path) -> None:
        """Record that the instance in `home` has the number. Write its instance.json before the lock is released."""
        self._remove(number)
        os.symlink(home, str(number), dir_fd=self.folder)

    def release(self, number: int, home: Path) -> None:
        """Remove the record, if it is the one of the instance in `home`."""
        with suppress(FileNotFoundError):
            if Path(os.readlink(str(number), dir_fd=self.folder)) == home:
                self._remove(number)

    def _remove(self, number: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(str(number), dir_fd=self.folder)


@contextmanager
def locked() -> Iterator[Reservations]:
    """Yield the records for the length of a block; one process at a time has them.

    Raises:
        MeshError: the folder cannot be created, or is not this user's alone.
    """
    path = PARENT / f"grpc-mesh-{os.geteuid()}"
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
    """Open the folder, after creating it if it is missing. What is checked is what was opened."""
    try:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _refused(path, str(error.strerror)) from None
    found = os.fstat(folder)
    problem = ""
    if found.st_uid != os.geteuid():
        problem = f"it belongs to user {found.st_uid}"
    elif found.st_mode & OTHERS:
        problem = f"others may use it: its mode is {found.st_mode & 0o777:o}, not 700"
    if problem:
        os.close(folder)
        raise _refused(path, problem)
    return folder


def _refused(path: Path, why: str) -> MeshError:
    return MeshError(
        f"cannot reserve addresses in {path}", why=why, fix="remove it, or ask its owner to; `mesh up` creates it again"
    )
