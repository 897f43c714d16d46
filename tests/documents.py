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
from collections.abc import AsyncIterator, Mapping
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

# The parts of a block come as files, one after another; each line is written to the log when it is read. A file says
# that a part has ended: a pipe would be held open by what runs in the background.
PARTS = r"""
exec 3<&0 < /dev/null >> "$LOG" 2>&1
while read -r part <&3; do
  set -v
  . "$part" 3<&-
  set +v
  touch "$part.done"
done
"""

# A command may stand on several lines: it begins where a line begins that is not indented.
CHECKED = re.compile(r"^(\S(?:.|\n[ ])+?) +# → (.+)$", re.MULTILINE)
CHECK = r"{ \1; } | tee -a /dev/stderr | grep -F -e '\2' > /dev/null"
CHECK_AGAIN = r"_command() { \1; }; _repeat '\2'"
# A second is what istiod needs on an idle machine, and it acknowledges nothing. So the commands after a `sleep` are
# repeated until they show their words, as a reader would do. In the background, where `set -e` still holds.
SLEEP = re.compile(r"^(?:\S.* && )?sleep \d", re.MULTILINE)
REPEAT = r"""
_repeat() {
  local end=$((SECONDS + 60))
  while true; do
    { _command | tee -a /dev/stderr | grep -F -e "$1" > /dev/null; } &
    if wait $!; then return; fi
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}
"""
TIMEOUT_SECONDS, POLL_SECONDS = 200, 0.02


def find_blocks(text: str) -> list[str]:
    """Return each `sh` block of a document."""
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def blocks(*names: str) -> list[object]:
    """Find the blocks of documents, as pytest parameters."""
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name in names
        for number, block in enumerate(find_blocks((ROOT / name).read_text()))
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
    async with shell_session(block, folder, environment, replace) as session:
        await session.run_rest()


class ShellSession:
    """A block that runs in one shell, part by part; a command that fails raises AssertionError with the output."""

    def __init__(self, process: asyncio.subprocess.Process, script: str, files: Path) -> None:
        self._process, self._left, self._files = process, script, files
        self._parts, self._slept = 0, False

    @property
    def output(self) -> str:
        """What the commands have written so far, and the commands."""
        return self._files.with_suffix(".log").read_text()

    async def run_until(self, start: str) -> None:
        """Run the commands before the next line that starts with `start`."""
        found = re.search(rf"^{re.escape(start)}", self._left, re.MULTILINE)
        assert found, f"no line of the block that is left starts with {start!r}:\n{self._left}"
        part, self._left = self._left[: found.start()], self._left[found.start() :]
        await self._run(part)

    async def run_rest(self) -> None:
        """Run the commands that are left."""
        part, self._left = self._left, ""
        await self._run(part)

    def _checked(self, part: str) -> str:
        slept = -1 if self._slept else found.start() if (found := SLEEP.search(part)) else len(part)
        self._slept = slept < len(part)
        return CHECKED.sub(lambda found: found.expand(CHECK_AGAIN if found.start() > slept else CHECK), part)

    async def _run(self, part: str) -> None:
        assert self._process.stdin
        self._parts += 1
        file = self._files.with_suffix(f".{self._parts}.sh")
        file.write_text(self._checked(part))
        self._process.stdin.write(f"{file}\n".encode())
        done = file.with_name(f"{file.name}.done")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not done.exists() and self._process.returncode is None:  # noqa: ASYNC110  # nobody here sets it
                    await asyncio.sleep(POLL_SECONDS)
        assert done.exists(), self.output[-4000:]


@contextlib.asynccontextmanager
async def shell_session(
    block: str, folder: Path, environment: Mapping[str, str], replace: Mapping[str, str]
) -> AsyncIterator[ShellSession]:
    """Yield a shell that runs a block in a folder. It ends with all that it has started in the background."""
    for old, new in replace.items():
        block = block.replace(old, new)
    # One that is not told where to listen listens where the environment says.
    listeners = " ".join([*re.findall(r"GRPC_LISTEN=(\S+)", block), environment.get("GRPC_LISTEN", "")])
    environment = {key: value for key, value in environment.items() if not key.startswith("MAKE")}
    files = folder.parent / folder.name
    process = await asyncio.create_subprocess_exec(
        *["/bin/bash", "-eo", "pipefail", "-c", PATIENT + REPEAT + PARTS],
        cwd=folder,
        env=environment | {"LISTENERS": listeners, "LOG": f"{files.with_suffix('.log')}"},
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield ShellSession(process, block, files)
    finally:
        # Services that the block started in the background go with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdin
        process.stdin.close()
        await process.wait()
