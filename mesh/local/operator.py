"""The operator's Job in an instance, as `make ledger` and `make call` run it."""

import os
import subprocess
import sys

from mesh.local import kubectl, tools
from mesh.local.instance import REPOSITORY, Instance

PATIENCE = 180


def run(instance: Instance, *words: str) -> subprocess.CompletedProcess[str]:
    """Have it do what the words say; answer what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "tools/operator_job.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=kubectl.environment(instance) | {"PATH": f"{tools.bin_dir()}:{os.environ['PATH']}"},
    )
