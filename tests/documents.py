"""Runs the commands of documents exactly as they are written.

A fenced block marked `sh` is one shell session. `# prints: words`, at the end of a command or on the line below it,
means that the output of this command must contain these words. Blocks with another mark (`console`, `yaml`) are not
run: they are for a cluster, or they show output.
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

# A service that a block has just started in the background may not listen yet. A reader types slower than a script
# runs, so this grpcurl waits first until the port is open.
WAITING_GRPCURL = r"""
grpcurl() {
  for address in $LISTENERS $(grep -oE "[0-9a-z.]+:[0-9]+" <<< "$*" | head -n 1); do
    for _ in $(seq 200); do
      (exec 3<> "/dev/tcp/${address%:*}/${address#*:}") 2> /dev/null && break
      sleep 0.1
    done
  done
  command grpcurl "$@"
}
"""

# The shell reads the parts of a block from files, whose paths it gets on standard input. `set -v` writes each line to
# the log. A `.done` file marks the end of a part: processes in the background would keep a pipe open.
RUN_PARTS = r"""
exec 3<&0 < /dev/null >> "$LOG" 2>&1
while read -r part <&3; do
  set -v
  . "$part" 3<&-
  set +v
  touch "$part.done"
done
"""

# A command starts on a line that is not indented, and may continue on indented lines.
CHECKED_COMMAND = re.compile(r"^([^\s#](?:.|\n[ ])*?)(?: +|\n)# prints: (.+)$", re.MULTILINE)
CHECK = r"{ \1; } | tee -a /dev/stderr | grep -F -e '\2' > /dev/null"
CHECK_REPEATEDLY = r"_command() { \1; }; _repeat '\2'"
# `sleep 1` in a document is the time that istiod needs on an idle machine. A busy machine needs longer, and nothing
# reports when istiod is done. So every command after a `sleep` is repeated until it prints its words. It runs in the
# background, because `set -e` would not apply to it in a condition.
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
TIMEOUT_SECONDS, POLL_INTERVAL_SECONDS = 200, 0.02


def find_blocks(text: str) -> list[str]:
    """Return each `sh` block of a document."""
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def blocks(*names: str) -> list[object]:
    """Return the `sh` blocks of documents as pytest parameters, with the ids `<document>-<number>`."""
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name in names
        for number, block in enumerate(find_blocks((ROOT / name).read_text()))
    ]


def copy_checkout(copy: Path) -> Path:
    """Clone the checkout into `copy`, with its uncommitted changes and links to what is installed. Return `copy`.

    Files keep their times, which make compares. The clone has the whole history, because `make breaking` compares with
    the last release.
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
    """Run a block in a folder, after replacing words in it (addresses) with those of this test.

    Raises AssertionError, with the output, when a command fails or does not print its words.
    """
    async with shell_session(block, folder, environment, replace) as session:
        await session.run_rest()


class ShellSession:
    """One shell that runs a block in parts. A command that fails raises AssertionError with the output."""

    def __init__(self, process: asyncio.subprocess.Process, script: str, files: Path) -> None:
        self._process, self._rest, self._files = process, script, files
        self._parts, self._has_slept = 0, False

    @property
    def output(self) -> str:
        """The commands run so far and their output."""
        return self._files.with_suffix(".log").read_text()

    async def run_until(self, start: str) -> None:
        """Run the commands before the next line that starts with `start`."""
        line = re.search(rf"^{re.escape(start)}", self._rest, re.MULTILINE)
        assert line, f"no line in the rest of the block starts with {start!r}:\n{self._rest}"
        part, self._rest = self._rest[: line.start()], self._rest[line.start() :]
        await self._run(part)

    async def run_rest(self) -> None:
        """Run all remaining commands."""
        part, self._rest = self._rest, ""
        await self._run(part)

    def _add_checks(self, part: str) -> str:
        sleep = SLEEP.search(part)
        slept_from = -1 if self._has_slept else sleep.start() if sleep else len(part)
        self._has_slept = slept_from < len(part)
        return CHECKED_COMMAND.sub(
            lambda command: command.expand(CHECK_REPEATEDLY if command.start() > slept_from else CHECK), part
        )

    async def _run(self, part: str) -> None:
        assert self._process.stdin
        self._parts += 1
        file = self._files.with_suffix(f".{self._parts}.sh")
        file.write_text(self._add_checks(part))
        self._process.stdin.write(f"{file}\n".encode())
        done = file.with_name(f"{file.name}.done")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not done.exists() and self._process.returncode is None:  # noqa: ASYNC110  # the shell creates it
                    await asyncio.sleep(POLL_INTERVAL_SECONDS)
        assert done.exists(), self.output[-4000:]


@contextlib.asynccontextmanager
async def shell_session(
    block: str, folder: Path, environment: Mapping[str, str], replace: Mapping[str, str]
) -> AsyncIterator[ShellSession]:
    """Yield a shell that runs a block in a folder. On exit, kill it and all that it started in the background."""
    for old, new in replace.items():
        block = block.replace(old, new)
    # A service that the block starts without GRPC_LISTEN uses the address from the environment.
    listeners = " ".join([*re.findall(r"GRPC_LISTEN=(\S+)", block), environment.get("GRPC_LISTEN", "")])
    environment = {key: value for key, value in environment.items() if not key.startswith("MAKE")}
    files = folder.parent / folder.name
    process = await asyncio.create_subprocess_exec(
        *["/bin/bash", "-eo", "pipefail", "-c", WAITING_GRPCURL + REPEAT + RUN_PARTS],
        cwd=folder,
        env=environment | {"LISTENERS": listeners, "LOG": f"{files.with_suffix('.log')}"},
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield ShellSession(process, block, files)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdin
        process.stdin.close()
        await process.wait()
