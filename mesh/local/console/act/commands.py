"""Runs commands and keeps their output, so that a reload of the page and a restart of the console lose nothing.

Each command has a folder in the state folder of the mesh. Its process writes there itself, so it does not depend on
the console. Pid and start time identify it; only the console that has started it learns its exit code.
"""

import asyncio
import codecs
import json
import re
import secrets
import shlex
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mesh.local import files, processes
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY
from mesh.local.processes import Process
from mesh.local.terminal import show_progress

MAX_KEPT = 50
"""Commands whose output is kept. Those that run do not count."""
MAX_CHUNK_BYTES = 2**16
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
PLAIN_TEXT = {"NO_COLOR": "1", "FORCE_COLOR": "", "TERM": "dumb"}
"""For programs that would print colours for a terminal."""
JSON_OPTION = "--json"
"""A command with this option prints its result as JSON to standard output, and progress to standard error."""


@dataclass(frozen=True)
class Command:
    """A command, and how it ended. Times are in seconds since 1970."""

    id: str
    words: Sequence[str]
    pid: int
    started: int
    """The clock tick at which its process started."""
    start_time: float
    end_time: float | None = None
    exit_code: int | None = None
    """Negative: the signal that ended it. None: it runs, or no console saw its end."""
    interrupted: bool = False
    running: bool = False

    @property
    def process(self) -> Process:
        """The process, which may have ended."""
        return Process(self.pid, self.started)


class Commands:
    """The commands in a folder. They run with the environment of a shell that is connected to the mesh."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, {**environment, **PLAIN_TEXT}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def all(self) -> list[Command]:
        """Return all commands, newest first."""
        names = sorted((path.parent.name for path in self._folder.glob("*/command.json")), reverse=True)
        return [command for name in names if (command := self.find(name))]

    def find(self, name: str) -> Command | None:
        """Return the command with an id; None if there is none."""
        if not ID.fullmatch(name):
            return None
        try:
            saved = json.loads((self._folder / name / "command.json").read_text())
            command = Command(**saved)
        except (OSError, ValueError, TypeError):  # it does not exist, or a crash has cut it short
            return None
        # A process may have ended while its exit code is not yet recorded.
        running = command.end_time is None and (name in self._waiting or command.process.alive())
        return replace(command, running=running)

    def output(self, name: str, offset: int) -> tuple[str, int]:
        """Return what a command has written from an offset in bytes, and the offset of the rest."""
        try:
            with (self._folder / name / "output").open("rb") as file:
                file.seek(offset)
                chunk = file.read(MAX_CHUNK_BYTES)
        except FileNotFoundError:
            return "", offset
        # A character whose bytes are not all there yet belongs to the rest.
        text, used = codecs.utf_8_decode(chunk, "replace", False)  # noqa: FBT003  # it takes no keywords
        return text, offset + used

    def result(self, name: str) -> Any:  # noqa: ANN401  # JSON
        """Return the JSON that a command has printed; None if it has printed none, or not all of it."""
        try:
            return json.loads((self._folder / name / "result.json").read_text())
        except (OSError, ValueError):
            return None

    async def start(self, words: Sequence[str]) -> Command:
        """Start a command in the root of the checkout, as a shell after `mesh env` does.

        Raises:
            MeshError: the program cannot be run.
        """
        self._remove_old()
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        folder = self._folder / name
        for path in (self._folder.parent, self._folder, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        program = shutil.which(words[0], path=self._environment["PATH"]) if "/" not in words[0] else words[0]
        result = folder / "result.json" if JSON_OPTION in words else None
        try:
            argv = [program or words[0], *words[1:]]
            process = processes.spawn(argv, self._environment, REPOSITORY, folder / "output", result)
        except OSError as error:
            shutil.rmtree(folder)
            raise MeshError(f"{words[0]} cannot be run", why=str(error)) from None
        command = Command(name, list(words), process.pid, process.started, time.time())
        self._save(command)
        self._waiting[name] = asyncio.create_task(self._wait(command))
        return replace(command, running=True)

    def interrupt(self, name: str) -> None:
        """Interrupt a command as Ctrl-C does: a long one undoes what it has begun."""
        command = self.find(name)
        if command and command.running:
            self._save(replace(command, interrupted=True))
            # Unlike SIGINT, a program cannot inherit that it is ignored. `mesh` handles both in the same way.
            command.process.signal(signal.SIGTERM)

    async def close(self) -> None:
        """Interrupt every command that runs, and wait until all have ended."""
        running = [command for command in self.all() if command.running]
        for command in running:
            show_progress(f"stopping: {shlex.join(command.words)}")
            self.interrupt(command.id)
        await asyncio.gather(*self._waiting.values(), *(processes.gone(each.process) for each in running))

    async def _wait(self, command: Command) -> None:
        """Record the end of a command."""
        code = await processes.exited(command.process)
        saved = self.find(command.id) or command
        self._save(replace(saved, end_time=time.time(), exit_code=code))
        del self._waiting[command.id]

    def _save(self, command: Command) -> None:
        content = asdict(replace(command, running=False))
        files.replace(self._folder / command.id / "command.json", json.dumps(content))

    def _remove_old(self) -> None:
        ended = [command for command in self.all() if not command.running]
        for command in ended[MAX_KEPT - 1 :]:
            shutil.rmtree(self._folder / command.id, ignore_errors=True)
