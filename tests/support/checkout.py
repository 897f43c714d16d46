"""The checkout that contains these tests, and git in it."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(root: Path, *words: str) -> str:
    """Run git in a folder and return its output. A git hook around the tests has no effect on it."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["/usr/bin/env", "git", *words]
    return subprocess.run(command, cwd=root, env=settings, capture_output=True, check=True, text=True).stdout
