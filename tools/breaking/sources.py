"""Builds the images to compare: the contracts of this checkout, and an older state.

Both import the .proto files of others from this checkout, because an older state may contain none.
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
POLICIES = "mesh/istio/contracts"
"""The generated policies."""
IMPORTED = ("third_party/googleapis", "third_party/protovalidate")
MODULES = json.dumps({"version": "v2", "modules": [{"path": path} for path in ("proto", *IMPORTED)]})
"""The modules of both images. buf.yaml is not read, because an edit of it could exclude files and hide breaks."""


class SourceError(Exception):
    """There is nothing to compare, or it does not compile. The text states the reason."""


@dataclass(frozen=True)
class State:
    """The contracts in one state."""

    folder: Path
    built: Path
    """The file with the image."""
    image: Image
    declared: list[Declaration]


def build(folder: Path, built: Path) -> State:
    """Build a folder's proto/. Raises SourceError with buf's output, or DeclarationError."""
    command: list[str | Path] = [BUF, "build", "proto", "--output", built, "--config", MODULES]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SourceError(f"the contracts do not compile\n{run.stderr or run.stdout}".strip())
    own = {path.relative_to(folder / "proto").as_posix() for path in (folder / "proto").rglob("*.proto")}
    return State(folder, built, Image(built.read_bytes(), own), load(folder / "services"))


def build_older(folder: Path, built: Path, name: str) -> State:
    """Build an older state. Errors start with its name. Raises SourceError."""
    try:
        return build(folder, built)
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from error
    except DeclarationError as error:
        raise SourceError(f"{name}: {str(error).replace(f'{folder}/', '')}") from error


def write_older_state(against: str, folder: Path, root: Path = ROOT) -> str:
    """Write an older state into an empty folder and return its name for the report. Raise SourceError.

    `against` is a git revision or a folder that contains a proto/.
    """
    name = _copy(Path(against), folder) if Path(against).is_dir() else _extract(against, folder, root)
    for imported in IMPORTED:
        (folder / imported).parent.mkdir(exist_ok=True)
        (folder / imported).symlink_to(root / imported)
    return name


def _copy(source: Path, folder: Path) -> str:
    if not (source / "proto").is_dir():
        raise SourceError(f"the folder {source} contains no proto/")
    # proto/LICENSE is a link into the checkout, which leads nowhere in a copy of the folder.
    shutil.copytree(source / "proto", folder / "proto", ignore_dangling_symlinks=True)
    for path in (*source.glob(f"services/*/{FILE}"), *source.glob(f"{POLICIES}/*.yaml")):
        copy = folder / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return f"the folder {source}"


def _extract(revision: str, folder: Path, root: Path) -> str:
    commit = commit_of(revision, root)
    if not commit:
        raise SourceError(f"nothing to compare with: {revision} is neither a git revision nor a folder")
    files = (git(root, "ls-tree", "-r", "-z", "--name-only", commit, "proto", "services", POLICIES) or "").split("\0")
    needed = [file for file in files if file.startswith(("proto/", POLICIES)) or file.endswith(f"/{FILE}")]
    archive = folder / "older.zip"
    if "proto" not in {file.partition("/")[0] for file in needed} or (
        git(root, "archive", f"--output={archive}", commit, *needed) is None
    ):
        raise SourceError(f"{revision} contains no proto/")
    shutil.unpack_archive(archive, folder)
    return f"{revision} ({commit})"


def commit_of(revision: str, root: Path) -> str | None:
    """Return the short id of the commit that a revision names, or None if there is none."""
    return git(root, "rev-parse", "--verify", "--quiet", "--short", "--end-of-options", f"{revision}^{{commit}}")


def git(root: Path, *arguments: str) -> str | None:
    """Return the output of git in a folder, or None if it fails. The environment of a git hook is ignored."""
    settings = {name: value for name, value in os.environ.items() if not re.match("GIT_(?!CONFIG)", name)}
    command: list[str | Path] = ["git", "--no-optional-locks", "-C", root, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    return run.stdout.strip() if run.returncode == 0 else None
