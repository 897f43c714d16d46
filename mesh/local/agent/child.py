"""A command that runs beside a container: in its environment and folder, with pipes or a terminal."""

import asyncio
import os
import shutil
import sys
import termios
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mesh.local import tools
from mesh.local.processes import KILL, Process

STDOUT, STDERR = 1, 2


@dataclass
class Child:
    """The running command."""

    process: asyncio.subprocess.Process
    stdin: StreamWriter | None
    outputs: dict[int, StreamReader]
    """STDOUT and STDERR; with a terminal only STDOUT."""
    terminal: "Terminal | None" = None

    def resize(self, width: int, height: int) -> None:
        """Set the size of the terminal, if there is one."""
        if self.terminal:
            termios.tcsetwinsize(self.terminal.descriptor, (height, width))

    def close_stdin(self) -> None:
        """Send the end of the input. Over a terminal that is a character."""
        if self.stdin and not self.terminal:
            self.stdin.close()

    def end(self) -> None:
        """Kill the command and its children, and close the terminal."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, KILL)
        if self.stdin:
            self.stdin.close()
        if self.terminal:
            self.terminal.output.close()


@dataclass
class Terminal:
    """The controlling side of a terminal. When it is closed, the kernel ends the programs in it."""

    descriptor: int
    output: asyncio.ReadTransport


async def start(words: list[str], container: Process, *, stdin: bool, tty: bool) -> Child:
    """Start a command beside a container's process.

    Raises:
        OSError: the command does not exist or cannot be run, or the container has just ended.
    """
    folder, env = _environment(container)
    # A relative path with a slash starts at the folder of the container, not at that of the agent.
    program = shutil.which(str(folder / words[0]) if "/" in words[0] else words[0], path=env["PATH"])
    if not program:
        raise FileNotFoundError(f'exec: "{words[0]}": executable file not found in $PATH')
    if tty:
        return await _start_in_terminal([program, *words[1:]], folder, env | {"TERM": "xterm"})
    source = PIPE if stdin else DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, *words[1:], cwd=folder, env=env, stdin=source, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    outputs = {STDOUT: process.stdout, STDERR: process.stderr}
    return Child(process, process.stdin, {channel: stream for channel, stream in outputs.items() if stream})


async def _start_in_terminal(argv: list[str], folder: Path, env: dict[str, str]) -> Child:
    controller, terminal = os.openpty()
    try:
        # setsid makes the terminal the controlling one, so that Ctrl-C reaches the command.
        process = await asyncio.create_subprocess_exec(
            "setsid", "--ctty", *argv, cwd=folder, env=env, stdin=terminal, stdout=terminal, stderr=terminal
        )
    except OSError:
        os.close(controller)
        raise
    finally:
        os.close(terminal)
    loop, reader = asyncio.get_running_loop(), StreamReader()
    output, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(controller, "rb", 0)
    )
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(os.dup(controller), "wb", 0)
    )
    stdin = StreamWriter(transport, protocol, None, loop)
    return Child(process, stdin, {STDOUT: reader}, Terminal(controller, output))


def _environment(container: Process) -> tuple[Path, dict[str, str]]:
    """Return folder and environment of a container, with the programs of its image first in PATH."""
    env = container.environment()
    own = (str(tools.bin_dir()), str(Path(sys.executable).parent), env.get("PATH", os.defpath))
    return Path(f"/proc/{container.pid}/cwd").readlink(), env | {"PATH": os.pathsep.join(own)}
