"""Fixtures with copies of the contracts, which a test may change."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tools.breaking import waivers
from tools.breaking.bases import RELEASE_FILE

CONTRACTS = ["proto", "third_party", "gen", "tools", "mesh/istio/contracts", "mesh/observability/contracts"]
SERVICES = ["services/*/service.yaml", "services/*/*.py"]
"""The declarations of the services, and the code that names elements of the contracts."""
PACKAGING = ["pyproject.toml", "services/pyproject.toml", "requirements.lock"]
"""The inputs of the virtual environment, besides proto/pyproject.toml."""
CONFIGURATION = ["Makefile", "buf.yaml", "buf.gen.yaml", ".gitignore", RELEASE_FILE, *PACKAGING]
IGNORED = shutil.ignore_patterns("__pycache__", Path(waivers.FILE).name)
"""The waivers are left out: in the copy the current contracts are the last release, so all waivers would be stale."""
FOLDER = "a checkout, for Überprüfungen"
"""A name that separates the parameters of a plugin, and words."""
RELEASED = "v0.1.0"
"""The tag of the current contracts in the copy of a test."""


@dataclass(frozen=True)
class Checkout:
    """A checkout of the contracts and of the tools that generate and check them."""

    root: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the root of the checkout. stderr is redirected to stdout."""
        # An outer make and the user's git settings must not affect the command.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GIT_"))
        }
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
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
        """Run make without updating the virtual environment."""
        return self.run("make", "--old-file=.venv/.made", *arguments)

    def git(self, *arguments: str) -> str:
        """Run git and return its output."""
        run = self.run("git", "-c", "user.name=Test", "-c", "user.email=test@shop.example", *arguments)
        run.check_returncode()
        return run.stdout.strip()

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that occurs exactly once in a file."""
        path = self.root / file
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{file} contains {old!r} {before.count(old)} times"
        path.write_text(before.replace(old, new), encoding="utf-8")


@pytest.fixture
def project() -> Checkout:
    """Return the checkout of the tests, which is read-only."""
    return Checkout(ROOT)


@pytest.fixture
def contracts(tmp_path: Path) -> Checkout:
    """Create a copy of the contracts, the declarations and the code of the services, without git."""
    root = tmp_path / FOLDER
    shutil.copytree(ROOT / "proto", root / "proto")
    (root / "third_party").symlink_to(ROOT / "third_party")
    _copy(root, "buf.yaml", "buf.gen.yaml", *SERVICES)
    return Checkout(root)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a repository whose first commit is a release of the current contracts. The second commit is empty."""
    root = tmp_path_factory.mktemp("template") / "checkout"
    for folder in CONTRACTS:
        shutil.copytree(ROOT / folder, root / folder, ignore=IGNORED)
    _copy(root, *CONFIGURATION, *SERVICES)
    (root / ".venv").symlink_to(ROOT / ".venv")
    copy = Checkout(root)
    copy.git("init", "--quiet", "--initial-branch=main")
    copy.git("add", *CONTRACTS, *CONFIGURATION, "services")
    copy.git("commit", "--quiet", "--message=The current contracts")
    copy.git("tag", RELEASED)
    copy.git("commit", "--quiet", "--allow-empty", "--message=Start the next release")
    return root


@pytest.fixture
def checkout(template: Path, tmp_path: Path) -> Checkout:
    """Create a copy of the repository in which the current contracts are released and committed on main."""
    return Checkout(shutil.copytree(template, tmp_path / FOLDER, symlinks=True))


def _copy(root: Path, *patterns: str) -> None:
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
