"""mesh/local/verbs.md says what each command of kubectl and istioctl does. Every row of its tables is run."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.mesh.harness import Mesh
from tests.support.checkout import ROOT
from tests.support.clock import check_timeout
from tests.support.documents import find_blocks

DOCUMENT = "mesh/local/verbs.md"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")
CONCURRENCY = 4
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Row:
    """A command, and words of its output."""

    command: str
    words: str

    async def run(self, mesh: Mesh, *, interrupted: bool) -> tuple[str, int]:
        """Run the command until it ends. If it is to be interrupted, press Ctrl-C when it has printed the words.

        Return its output and its exit code.
        """
        process = await asyncio.create_subprocess_exec(
            "/usr/bin/env", "--default-signal=INT", "bash", "-c", f"set -o pipefail; {self.command}",
            cwd=ROOT, env=mesh.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip
        assert process.stdout
        output = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(check_timeout(TIMEOUT_SECONDS)):
                while chunk := await process.stdout.read(65536):
                    output += chunk
                    if interrupted and self.words in output.decode(errors="replace"):
                        os.killpg(process.pid, signal.SIGINT)
                        interrupted = False
                return output.decode(errors="replace"), abs(await process.wait())
        os.killpg(process.pid, signal.SIGKILL)
        return output.decode(errors="replace"), -1


def rows(heading: str) -> list[Row]:
    """Return the rows of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].startswith("`"):
            found.append(Row(cells[0].strip("`").replace("\\|", "|"), cells[1].strip("`")))
    return found


@pytest.fixture
async def prepared(mesh: Mesh) -> Mesh:
    """Return the mesh with the variables that the document sets."""
    (block,) = find_blocks(TEXT)
    run = await Mesh(mesh.name, mesh.environment | {"MESH_INSTANCE": mesh.name}).run(
        "bash", "-c", f"cd {shlex.quote(str(ROOT))}; {block}\nprintf %s $POD"
    )
    assert run.stdout.startswith("orders-"), run.stderr
    return Mesh(mesh.name, mesh.environment | {"POD": run.stdout})


async def find_wrong(mesh: Mesh, heading: str, *, succeeds: bool = True, interrupted: bool = False) -> list[str]:
    """Run the rows below a heading. Return those with another output or another result, with what they printed."""
    slots, table = asyncio.Semaphore(CONCURRENCY), rows(heading)
    assert table

    async def check(row: Row) -> str:
        async with slots:
            output, code = await row.run(mesh, interrupted=interrupted)
        ended_as_stated = code >= 0 if interrupted else (code == 0) == succeeds
        right = row.words in output and ended_as_stated
        return "" if right else f"{row.command}\nexit code {code}, without {row.words!r} or wrong:\n{output[-2000:]}"

    return list(filter(None, await asyncio.gather(*map(check, table))))


async def test_commands_that_work(prepared: Mesh) -> None:
    assert await find_wrong(prepared, "Works") == []


async def test_commands_that_run_until_ctrl_c(prepared: Mesh) -> None:
    assert await find_wrong(prepared, "Runs until Ctrl-C", interrupted=True) == []


async def test_commands_that_are_refused(prepared: Mesh) -> None:
    assert await find_wrong(prepared, "Does not work", succeeds=False) == []
