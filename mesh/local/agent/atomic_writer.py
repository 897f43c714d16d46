"""Replaces all files of a volume at once, in the way of Kubernetes, on which programs that watch files rely.

    volume/..2026_11_27_18_00_00.123456/key    the files of one version
    volume/..data -> ..2026_11_27_18_00_00.123456
    volume/key -> ..data/key

An update writes a new version, and renames a new `..data` over the old one.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DATA = "..data"


@dataclass(frozen=True)
class File:
    """A file of a volume."""

    content: bytes
    mode: int


Files = dict[str, File]
"""Relative path → file."""


def write(volume: Path, files: Files) -> None:
    """Replace the files of a volume. If nothing has changed, this changes nothing."""
    data = volume / DATA
    if data.exists() and read(data) == files:
        return
    version = volume / datetime.now(UTC).strftime("..%Y_%m_%d_%H_%M_%S.%f")
    version.mkdir()
    for path, file in files.items():
        target = version / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    new = volume / "..data_tmp"
    new.unlink(missing_ok=True)
    new.symlink_to(version.name)
    new.rename(data)
    names = {Path(path).parts[0] for path in files}
    for name in names:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"{DATA}/{name}")
    for entry in volume.iterdir():
        # Other entries are mounts inside this volume.
        is_ours = entry.is_symlink() and entry.readlink().parts[0] == DATA
        if is_ours and entry.name not in names:
            entry.unlink()
        if entry.name.startswith("..2") and entry != version:
            shutil.rmtree(entry)


def read(folder: Path) -> Files:
    """Return all files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): File(path.read_bytes(), path.stat().st_mode & 0o777) for path in found}
