"""A copy of the contracts in a git repository of its own, where a test may change what it likes."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONTRACTS = ["proto", "gen", "tools", "mesh/istio/contracts"]
IMPORTED = [".googleapis", ".protovalidate"]
CONFIGURATION = ["Makefile", "buf.yaml", "buf.gen.yaml", ".gitignore"]
IGNORED = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True)
class Checkout:
    """A checkout of the contracts and of what generates and checks them."""

    root: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command at the checkout's root; its output is stdout and stderr together."""
        # A make around the tests, or the user's own git settings, must not reach in here.
        settings = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GIT_"))
        }
        settings |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        return subprocess.run(
            command,
            cwd=self.root,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    def buf(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the project's buf."""
        return self.run(".venv/bin/buf", *arguments)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run make with the virtual environment as it is, however old."""
        return self.run("make", "--old-file=.venv/.made", *arguments)

    def git(self, *arguments: str) -> str:
        """Run git and answer what it prints."""
        run = self.run("git", "-c", "user.name=Test", "-c", "user.email=test@shop.example", *arguments)
        run.check_returncode()
        return run.stdout.strip()

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands exactly once in a file."""
        path = self.root / file
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{file} holds {old!r} {before.count(old)} times"
        path.write_text(before.replace(old, new), encoding="utf-8")


@pytest.fixture
def project() -> Checkout:
    """Answer the checkout that the tests stand in, to read alone."""
    return Checkout(ROOT)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Make a copy of the contracts as they stand, committed once on main."""
    root = tmp_path / "checkout"
    root.mkdir()
    for folder in (*CONTRACTS, *IMPORTED):
        shutil.copytree(ROOT / folder, root / folder, ignore=IGNORED)
    declarations = [str(file.relative_to(ROOT)) for file in ROOT.glob("services/*/service.yaml")]
    for file in (*CONFIGURATION, *declarations):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, root / file)
    (root / ".venv").symlink_to(ROOT / ".venv")
    copy = Checkout(root)
    copy.git("init", "--quiet", "--initial-branch=main")
    copy.git("add", *CONTRACTS, *CONFIGURATION, "services")
    copy.git("commit", "--quiet", "--message=The contracts as they stand")
    return copy
