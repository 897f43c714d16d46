"""Reads the commands out of documents and runs them as they stand.

A fenced block marked `sh` is one shell session. A command that ends in `# → words` must show these words. Blocks that
are not `sh` (a cluster's, an installation's) are not run.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Services that a block started in the background may not listen yet: the reader is slower than a shell.
PATIENT = r"""
grpcurl() {
  for at in $LISTENERS $(grep -oE "[0-9a-z.]+:[0-9]+" <<< "$*" | head -n 1); do
    for _ in $(seq 200); do (exec 3<> "/dev/tcp/${at%:*}/${at#*:}") 2> /dev/null && break; sleep 0.1; done
  done
  command grpcurl "$@"
}
"""


def blocks(*names: str) -> list[object]:
    """Find the blocks of documents, as pytest parameters."""
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name in names
        for number, block in enumerate(
            re.findall(r"^```sh\n(.*?)^```", (ROOT / name).read_text(), re.DOTALL | re.MULTILINE)
        )
    ]


def copy_checkout(copy: Path) -> Path:
    """Copy the checkout as git sees it (times too, for make) into a clone of its own, with what is installed.

    The clone has the checkout's history, since `make breaking` compares with the last release.
    """
    git = "/usr/bin/env", "git", "-c", "user.name=t", "-c", "user.email=t@example.com"
    tracked = subprocess.check_output([*git, "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    subprocess.run([*git, "clone", "-q", "--shared", "--no-checkout", str(ROOT), str(copy)], check=True)
    for name in filter(None, tracked):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    for name in (".venv", ".googleapis", ".protovalidate"):
        (copy / name).symlink_to(ROOT / name)
    subprocess.run([*git, "update-ref", "refs/heads/main", "HEAD"], cwd=copy, check=True)
    subprocess.run([*git, "symbolic-ref", "HEAD", "refs/heads/main"], cwd=copy, check=True)
    subprocess.run([*git, "add", "-A"], cwd=copy, check=True)
    subprocess.run([*git, "commit", "-qm", "state"], cwd=copy, check=True)
    return copy


async def run_block(block: str, folder: Path, environment: Mapping[str, str], replace: Mapping[str, str]) -> None:
    """Run a block in a folder; some words of it (addresses) are replaced by those of this test."""
    # A command may stand on several lines: it begins where a line begins that is not indented.
    checked = r"{ \1; } | tee /dev/stderr | grep -F -e '\2' > /dev/null"
    script = re.sub(r"^(\S(?:.|\n[ ])+?) +# → (.+)$", checked, block, flags=re.MULTILINE)
    for old, new in replace.items():
        script = script.replace(old, new)
    # One that is not told where to listen listens where the environment says.
    listeners = " ".join([*re.findall(r"GRPC_LISTEN=(\S+)", script), environment.get("GRPC_LISTEN", "")])
    environment = {key: value for key, value in environment.items() if not key.startswith("MAKE")}
    # A file, not a pipe: what runs in the background would hold a pipe open after the shell has ended.
    output = folder.parent / f"{folder.name}.log"
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *["/bin/bash", "-eo", "pipefail", "-c", PATIENT + script],
            cwd=folder,
            env=environment | {"LISTENERS": listeners},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(200):
            code = await process.wait()
    finally:
        # Services that the block started in the background go with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert code == 0, output.read_text()[-4000:]
