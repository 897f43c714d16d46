"""The code and contracts of the previous release and of this one."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.support.checkout import ROOT, git
from tests.support.processes import PYTHON, Process, python_path
from tools.breaking.sources import IMPORTED

PARTS = ("proto", "services", "gen")
CONTRACTS = "contracts.binpb"
CLIENT_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Release:
    """A state of the project. `tree` contains its proto/, services/ and gen/; `stubs` the code from its proto/."""

    name: str
    tree: Path
    stubs: Path

    def call(self, processes: Mapping[str, Process], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the client with only the stubs of this release against processes of any release."""
        # The code of the client is always this checkout's. Its Python path contains nothing else of the checkout.
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
            timeout=CLIENT_TIMEOUT_SECONDS,
        )

    def methods(self) -> set[str]:
        """Return the paths of all methods."""
        contracts = FileDescriptorSet.FromString((self.stubs / CONTRACTS).read_bytes())
        return {
            f"/{file.package}.{service.name}/{method.name}"
            for file in contracts.file
            for service in file.service
            for method in service.method
        }


def check_out(root: Path, revision: str, folder: Path) -> Release:
    """Extract an older state into a folder, and generate its stubs."""
    archive, tree = folder / "older.zip", folder / "older"
    git(root, "archive", f"--output={archive}", revision, *PARTS)
    shutil.unpack_archive(archive, tree)
    return Release(revision, tree, generate(tree, folder / "stubs"))


def generate(tree: Path, stubs: Path) -> Path:
    """Generate messages and stubs from a tree's proto/, as its callers do, and return their folder.

    Uses protoc directly: the plugins in that tree's buf.gen.yaml would need its .venv, and types are not needed.
    """
    stubs.mkdir(exist_ok=True)
    sources = [tree / "proto", *(ROOT / folder for folder in IMPORTED)]
    files = [path.relative_to(sources[0]).as_posix() for path in sorted(sources[0].rglob("*.proto"))]
    outputs = [f"--python_out={stubs}", f"--grpc_python_out={stubs}", f"--descriptor_set_out={stubs / CONTRACTS}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", *(f"-I{source}" for source in sources), *outputs]
    run = subprocess.run([*command, *files, "buf/validate/validate.proto"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return stubs
