"""What is compared: the contracts of this checkout, and an older state of them, each built into an image.

The older state lacks the .proto files that wheels bring, which are not in git: it is laid out in a folder beside them.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.breaking.image import Image
from tools.protoc_gen_istio.declarations import FILE, Declaration, DeclarationError, load

ROOT = Path(__file__).parents[2]
BUF = ROOT / ".venv/bin/buf"
IMPORTED = (".googleapis", ".protovalidate")
MODULES = json.dumps({"version": "v2", "modules": [{"path": path} for path in ("proto", *IMPORTED)]})
"""What both sides are built from. buf.yaml is not read: an edit of it could leave out files and their breaks."""


class SourceError(Exception):
    """There is nothing to compare, or it does not compile; the text says so."""


@dataclass(frozen=True)
class State:
    """The contracts at one time."""

    folder: Path
    built: Path
    """The image, as buf reads it."""
    image: Image
    declared: list[Declaration]


def build(folder: Path, built: Path) -> State:
    """Build a folder's proto/. Raises SourceError with buf's own words, DeclarationError."""
    command: list[str | Path] = [BUF, "build", "proto", "--output", built, "--config", MODULES]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SourceError(f"the contracts do not compile\n{run.stderr or run.stdout}".strip())
    own = {path.relative_to(folder / "proto").as_posix() for path in (folder / "proto").rglob("*.proto")}
    return State(folder, built, Image(built.read_bytes(), own), load(folder / "services"))


def build_older(folder: Path, built: Path, told: str) -> State:
    """Build an older state, of which `told` says what it is. Raises SourceError."""
    try:
        return build(folder, built)
    except SourceError as error:
        raise SourceError(f"{told}: {error}") from error
    except DeclarationError as error:
        raise SourceError(f"{told}: {str(error).replace(f'{folder}/', '')}") from error


def lay_out(against: str, folder: Path, root: Path = ROOT) -> str:
    """Write an older state into an empty folder and return what it is, for people. Raise SourceError.

    `against` is a git revision or a folder that holds a proto/.
    """
    name = _copy(Path(against), folder) if Path(against).is_dir() else _extract(against, folder, root)
    for imported in IMPORTED:
        (folder / imported).symlink_to(root / imported)
    return name


def _copy(source: Path, folder: Path) -> str:
    if not (source / "proto").is_dir():
        raise SourceError(f"the folder {source} holds no proto/")
    shutil.copytree(source / "proto", folder / "proto")
    for path in source.glob(f"services/*/{FILE}"):
        copy = folder / path.relative_to(source)
        copy.parent.mkdir(parents=True)
        shutil.copyfile(path, copy)
    return f"the folder {source}"


def _extract(revision: str, folder: Path, root: Path) -> str:
    commit = commit_of(revision, root)
    if not commit:
        raise SourceError(f"nothing to compare with: neither a git revision nor a folder: {revision}")
    files = (git(root, "ls-tree", "-r", "-z", "--name-only", commit, "proto", "services") or "").split("\0")
    wanted = [file for file in files if file.startswith("proto/") or file.endswith(f"/{FILE}")]
    archive = folder / "older.zip"
    if "proto" not in {file.partition("/")[0] for file in wanted} or (
        git(root, "archive", f"--output={archive}", commit, *wanted) is None
    ):
        raise SourceError(f"{revision} holds no proto/")
    shutil.unpack_archive(archive, folder)
    return f"{revision} ({commit})"


def commit_of(revision: str, root: Path) -> str | None:
    """Return the short id of the commit that a revision names, or None if there is none."""
    return git(root, "rev-parse", "--verify", "--quiet", "--short", "--end-of-options", f"{revision}^{{commit}}")


def git(root: Path, *arguments: str) -> str | None:
    """Return what git prints in a folder, or None if it fails. A hook's own repository does not count."""
    settings = {name: value for name, value in os.environ.items() if not re.match("GIT_(?!CONFIG)", name)}
    command: list[str | Path] = ["git", "--no-optional-locks", "-C", root, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    return run.stdout.strip() if run.returncode == 0 else None
