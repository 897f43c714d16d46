"""The code and contracts of the previous release, beside those of this one."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.services.harness import PYTHON, ROOT, Process, python_path
from tests.tidy.tree import git

PARTS = ("proto", "services", "gen")
CONTRACTS = "contracts.binpb"
CLIENT_SECONDS = 120


@dataclass(frozen=True)
class Release:
    """A state of the project: `tree` holds its proto/, services/ and gen/; `stubs` what its proto/ generates."""

    name: str
    tree: Path
    stubs: Path

    def call(self, processes: Mapping[str, Process], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the client with the stubs of this release, and of no other, against processes of whatever release."""
        # The client is this checkout's own. Its path shows nothing else of it.
        if not (folder / "tests").exists():
            (folder / "tests").symlink_to(ROOT / "tests")
        targets = [f"{name}={process.target}" for name, process in processes.items()]
        return subprocess.run(
            [*PYTHON, "-m", "tests.compatibility.client", *targets],
            cwd=folder,
            env={"PYTHONPATH": python_path(self.stubs, folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=CLIENT_SECONDS,
        )

    def methods(self) -> set[str]:
        """Answer every method that the shop has, by its path."""
        contracts = FileDescriptorSet.FromString((self.stubs / CONTRACTS).read_bytes())
        return {
            f"/{file.package}.{service.name}/{method.name}"
            for file in contracts.file
            for service in file.service
            for method in service.method
        }


def lay_out(root: Path, revision: str, folder: Path) -> Release:
    """Write the older state into a folder, and generate its stubs anew, beside it."""
    archive, tree = folder / "older.zip", folder / "older"
    git(root, "archive", f"--output={archive}", revision, *PARTS)
    shutil.unpack_archive(archive, tree)
    return Release(revision, tree, generate(tree, folder / "stubs"))


def generate(tree: Path, stubs: Path) -> Path:
    """Make messages and stubs of a tree's proto/, as its callers do, and answer their folder.

    By protoc alone: what that tree's buf.gen.yaml names lies in a .venv of its own, and types are of no use here.
    """
    stubs.mkdir(exist_ok=True)
    sources = [tree / "proto", ROOT / ".googleapis", ROOT / ".protovalidate"]
    files = [path.relative_to(sources[0]).as_posix() for path in sorted(sources[0].rglob("*.proto"))]
    outputs = [f"--python_out={stubs}", f"--grpc_python_out={stubs}", f"--descriptor_set_out={stubs / CONTRACTS}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", *(f"-I{source}" for source in sources), *outputs]
    run = subprocess.run([*command, *files, "buf/validate/validate.proto"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return stubs
