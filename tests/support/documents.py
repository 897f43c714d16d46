"""Runs the commands of documents exactly as they are written.

A fenced block marked `sh` is run by bash. `# prints: words`, at the end of a command or on the line below it, means
that the output of this command must contain these words. A block marked `text` is output: `run_document` compares it
with what the `sh` block above it has printed. Blocks with another mark are not run, such as those for a cluster.
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

from tests.support.checkout import ROOT

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
  local end=$((SECONDS + ${REPEAT_SECONDS:-60}))
  while true; do
    { _command | tee -a /dev/stderr | grep -F -e "$1" > /dev/null; } &
    if wait $!; then return; fi
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}
"""
FENCED_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELLIPSIS = "…"
"""In a `text` block: anything within a line. Alone on a line: any lines."""
TIMEOUT_SECONDS, POLL_INTERVAL_SECONDS = 200, 0.02


def find_blocks(text: str) -> list[str]:
    """Return each `sh` block of a document."""
    return [block for mark, block in FENCED_BLOCK.findall(text) if mark == "sh"]


def blocks(*names: str) -> list[object]:
    """Return the `sh` blocks of documents as pytest parameters, with the ids `<document>-<number>`."""
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name in names
        for number, block in enumerate(find_blocks((ROOT / name).read_text()))
    ]


def copy_checkout(copy: Path) -> Path:
    """Clone the checkout into `copy`, with its uncommitted changes and a link to what is installed. Return `copy`.

    Files keep their times, which make compares. The clone has the whole history, because `make breaking` compares with
    the last release.
    """
    git = "/usr/bin/env", "git", "-c", "user.name=t", "-c", "user.email=t@example.com"
    tracked = subprocess.check_output([*git, "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    subprocess.run([*git, "clone", "-q", "--shared", "--no-checkout", str(ROOT), str(copy)], check=True)
    for name in filter(None, tracked):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(ROOT / ".venv")
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


async def run_document(text: str, folder: Path, environment: Mapping[str, str], replace: Mapping[str, str]) -> None:
    """Run all `sh` blocks of a document in one shell, as a reader does, and check the `text` blocks against the output.

    Raises AssertionError, with the output, when a command fails, does not print its words, or prints something else
    than the document shows.
    """
    for old, new in replace.items():
        text = text.replace(old, new)
    printed = ""
    async with shell_session("".join(find_blocks(text)), folder, environment, {}) as session:
        for mark, block in FENCED_BLOCK.findall(text):
            if mark == "sh":
                printed = await session.run(block)
            elif line := find_missing_line(block, printed):
                raise AssertionError(f"the document shows {line!r}, but the commands above it print:\n{printed}")


def find_missing_line(shown: str, printed: str) -> str | None:
    """Return the first line of a `text` block that the output lacks, or has in another order; None if there is none.

    White space is ignored, and the output may have more lines.
    """
    position, output = 0, [" ".join(line.split()) for line in printed.splitlines()]
    for line in filter(str.strip, shown.splitlines()):
        pattern = re.compile(".*".join(re.escape(" ".join(part.split())) for part in line.split(ELLIPSIS)))
        matches = (number for number, text in enumerate(output[position:], position) if pattern.search(text))
        if (number := next(matches, None)) is None:
            return line
        position = number + (line.strip() != ELLIPSIS)
    return None


class ShellSession:
    """One shell that runs a block in parts. A command that fails raises AssertionError with the output."""

    def __init__(self, process: asyncio.subprocess.Process, script: str, files: Path) -> None:
        self._process, self._rest, self._files = process, script, files
        self._log = files.with_suffix(".log")
        self._parts, self._has_slept = 0, False

    @property
    def output(self) -> str:
        """The commands run so far and their output."""
        return self._log.read_text()

    async def run_until(self, start: str) -> None:
        """Run the commands before the next line that starts with `start`."""
        line = re.search(rf"^{re.escape(start)}", self._rest, re.MULTILINE)
        assert line, f"no line in the rest of the block starts with {start!r}:\n{self._rest}"
        part, self._rest = self._rest[: line.start()], self._rest[line.start() :]
        await self.run(part)

    async def run_rest(self) -> None:
        """Run all remaining commands."""
        part, self._rest = self._rest, ""
        await self.run(part)

    async def run(self, part: str) -> str:
        """Run commands, and return them and what they have printed."""
        assert self._process.stdin
        start = self._log.stat().st_size if self._log.exists() else 0
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
        return self._log.read_bytes()[start:].decode()

    def _add_checks(self, part: str) -> str:
        sleep = SLEEP.search(part)
        slept_from = -1 if self._has_slept else sleep.start() if sleep else len(part)
        self._has_slept = slept_from < len(part)
        return CHECKED_COMMAND.sub(
            lambda command: command.expand(CHECK_REPEATEDLY if command.start() > slept_from else CHECK), part
        )


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
