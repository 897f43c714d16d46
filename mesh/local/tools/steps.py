"""The steps of a build with the programs of the checkout's Python environment: npm, Node, buf, pip."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY
from mesh.local.tools import go_toolchain
from mesh.local.tools.downloads import find_failure

BIN = Path(sys.executable).parent
"""Where the programs are: the Python packages bring Node, npm and buf."""
TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Step:
    """A command and what it makes."""

    makes: str
    command: list[str | Path]
    folder: Path = REPOSITORY

    def run(self) -> float:
        """Run the step, and return how many seconds it took. Raises MeshError if it fails."""
        started, program = time.monotonic(), Path(self.command[0]).name
        try:
            run = subprocess.run(
                self.command,
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise MeshError(f"{program} did not end within {TIMEOUT_SECONDS} s ({self.makes})") from None
        if run.returncode:
            if reason := find_failure(run.stdout):
                raise MeshError(
                    f"could not download the {self.makes}", why=reason, fix="check the network and its proxy"
                )
            raise MeshError(f"could not build the {self.makes}: {program} failed\n{run.stdout.strip()}")
        return time.monotonic() - started


def npm_packages(folder: Path, *, development: bool = True) -> Step:
    """Return the step that installs the packages that a folder's lock file pins, perhaps without devDependencies."""
    # After the first time, the packages come from npm's cache. None of them needs a script to be installed.
    command = [
        "ci",
        "--ignore-scripts",
        *([] if development else ["--omit=dev"]),
        "--prefer-offline",
        "--no-fund",
        "--no-audit",
        "--fetch-retries=1",
    ]
    command += ["--fetch-retry-mintimeout=1000", "--loglevel=error"]
    return Step("packages", [BIN / "npm", *command], folder)


def _environment() -> Mapping[str, str]:
    # npm starts the `node` on PATH. Like pip and Go, it trusts the certificates of the system.
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return go_toolchain.environment() | {"PATH": path, "NODE_USE_SYSTEM_CA": "1"}
