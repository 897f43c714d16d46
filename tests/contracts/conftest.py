"""A copy of the contracts in a git repository of its own, where a test may change what it likes."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.breaking import waivers
from tools.breaking.bases import NOTED

ROOT = Path(__file__).parent.parent.parent
CONTRACTS = ["proto", "gen", "tools", "mesh/istio/contracts"]
SERVICES = ["services/*/service.yaml", "services/*/*.py"]
"""What services declare of themselves, and the code in which they name what the contracts hold."""
IMPORTED = [".googleapis", ".protovalidate"]
CONFIGURATION = ["Makefile", "buf.yaml", "buf.gen.yaml", "pyproject.toml", ".gitignore", NOTED]
IGNORED = shutil.ignore_patterns("__pycache__", Path(waivers.FILE).name)
"""What was reviewed in the project's contracts is stale where they are released as they stand."""
RELEASED = "v0.1.0"
"""The tag of the contracts as they stand, in a checkout of a test's own."""


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
def contracts(tmp_path: Path) -> Checkout:
    """Make a copy of what is compared alone: the contracts, and what services declare and name of them. No git."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "proto", root / "proto")
    for folder in IMPORTED:
        (root / folder).symlink_to(ROOT / folder)
    _copy(root, "buf.yaml", *SERVICES)
    return Checkout(root)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a copy of the contracts as they stand, released in the first commit of main; the second is empty."""
    root = tmp_path_factory.mktemp("template") / "checkout"
    for folder in CONTRACTS:
        shutil.copytree(ROOT / folder, root / folder, ignore=IGNORED)
    _copy(root, *CONFIGURATION, *SERVICES)
    for folder in (*IMPORTED, ".venv"):
        (root / folder).symlink_to(ROOT / folder)
    copy = Checkout(root)
    copy.git("init", "--quiet", "--initial-branch=main")
    copy.git("add", *CONTRACTS, *CONFIGURATION, "services")
    copy.git("commit", "--quiet", "--message=The contracts as they stand")
    copy.git("tag", RELEASED)
    copy.git("commit", "--quiet", "--allow-empty", "--message=Begin the next release")
    return root


@pytest.fixture
def checkout(template: Path, tmp_path: Path) -> Checkout:
    """Make a copy of the contracts as they stand and were released, committed on main."""
    return Checkout(shutil.copytree(template, tmp_path / "checkout", symlinks=True))


def _copy(root: Path, *patterns: str) -> None:
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
