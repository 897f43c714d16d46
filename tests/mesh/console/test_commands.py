"""The output and the end of a command are kept. A restart of the console finds them again."""

import json
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web

from mesh.local.console.act import routes
from mesh.local.console.act.commands import MAX_KEPT, Command, Commands
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from tests.support.clock import eventually

PYTHON = [sys.executable, "-u", "-c"]
WAITS = "import signal, sys; print('ready'); signal.sigwait([signal.SIGINT]); print('not reached')"
UNDOES = """
import signal, sys
def undo(*_):
    print("undone")
    sys.exit(130)
signal.signal(signal.SIGTERM, undo)
print("ready")
signal.pause()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "console/commands"


async def wait_until_ended(commands: Commands, name: str) -> Command:
    found = commands.find(name)
    async for attempt in eventually(20):
        with attempt:
            found = commands.find(name)
            assert found
            assert not found.running
    assert found
    return found


async def wait_for_output(commands: Commands, name: str, expected: str) -> None:
    async for attempt in eventually(20):
        with attempt:
            assert expected in commands.output(name, 0)[0]


async def test_output_and_exit_code_are_kept(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    words = [*PYTHON, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"]
    started = await commands.start(words)
    ended = await wait_until_ended(commands, started.id)
    assert (ended.exit_code, ended.words, ended.interrupted) == (3, words, False)
    assert ended.end_time
    assert ended.end_time >= ended.start_time
    assert commands.output(started.id, 0) == ("out\nerr\n", 8)
    assert commands.output(started.id, 4) == ("err\n", 8)
    again = Commands(folder, os.environ)
    assert [each.id for each in again.all()] == [started.id]
    assert again.output(started.id, 0)[0] == "out\nerr\n"


async def test_words_reach_the_program_as_they_are(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    words = [*PYTHON, "import json, sys; print(json.dumps(sys.argv[1:]))", "$(id); x", "a b", "*"]
    started = await commands.start(words)
    await wait_until_ended(commands, started.id)
    assert json.loads(commands.output(started.id, 0)[0]) == ["$(id); x", "a b", "*"]


async def test_with_json_the_result_is_apart_from_the_progress(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    started = await commands.start([*PYTHON, "import sys; print('[1]'); print('on', file=sys.stderr)", "--json"])
    await wait_until_ended(commands, started.id)
    assert commands.output(started.id, 0)[0] == "on\n"
    assert commands.result(started.id) == [1]


async def test_a_character_is_never_cut(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    started = await commands.start([*PYTHON, "import sys; sys.stdout.buffer.write('aé'.encode()[:2])"])
    await wait_until_ended(commands, started.id)
    assert commands.output(started.id, 0) == ("a", 1)


async def test_an_interrupted_command_undoes_what_it_has_begun(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    started = await commands.start([*PYTHON, UNDOES])
    await wait_for_output(commands, started.id, "ready")
    commands.interrupt(started.id)
    ended = await wait_until_ended(commands, started.id)
    assert (ended.exit_code, ended.interrupted) == (130, True)
    assert commands.output(started.id, 0)[0] == "ready\nundone\n"


async def test_the_end_of_the_console_waits_for_its_commands(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    started = await commands.start([*PYTHON, UNDOES])
    await wait_for_output(commands, started.id, "ready")
    await commands.close()
    assert not started.process.alive()
    ended = Commands(folder, os.environ).find(started.id)
    assert ended
    assert (ended.exit_code, ended.interrupted) == (130, True)


async def test_the_next_console_knows_a_command_that_still_runs_and_not_how_it_ended(folder: Path) -> None:
    first, second = Commands(folder, os.environ), Commands(folder, os.environ)
    started = await first.start([*PYTHON, WAITS])
    await wait_for_output(second, started.id, "ready")
    found = second.find(started.id)
    assert found
    assert found.running
    record = folder / started.id / "command.json"
    unseen = record.read_text()
    second.interrupt(started.id)
    assert (await wait_until_ended(first, started.id)).exit_code == -15
    record.write_text(unseen)  # as if the first console had been killed before
    lost = Commands(folder, os.environ).find(started.id)
    assert lost
    assert (lost.running, lost.end_time, lost.exit_code) == (False, None, None)


async def test_a_program_that_does_not_exist_leaves_nothing(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    with pytest.raises(MeshError, match="no-such-program cannot be run"):
        await commands.start(["no-such-program"])
    assert commands.all() == []


@pytest.mark.parametrize("name", ["..", "../../x", "20261128-203501-abcdeg", "", "20261128-203501-abcdef"])
def test_no_id_leaves_the_folder(folder: Path, name: str) -> None:
    assert Commands(folder, os.environ).find(name) is None


async def test_only_the_newest_commands_are_kept(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    for number in range(MAX_KEPT + 5):
        (folder / f"20200101-000000-{number:06x}").mkdir(parents=True)
        record = {"id": f"20200101-000000-{number:06x}", "words": [], "pid": 1, "started": -1, "start_time": 0}
        (folder / f"20200101-000000-{number:06x}" / "command.json").write_text(json.dumps(record))
    started = await commands.start([*PYTHON, ""])
    await wait_until_ended(commands, started.id)
    assert len(commands.all()) == MAX_KEPT
    assert commands.all()[0].id == started.id
    assert commands.all()[-1].id == f"20200101-000000-{6:06x}"


async def test_only_the_user_can_read_the_folder(folder: Path) -> None:
    commands = Commands(folder, os.environ)
    started = await commands.start([*PYTHON, ""])
    await wait_until_ended(commands, started.id)
    assert (folder / started.id).stat().st_mode & 0o777 == 0o700


async def test_ctrl_c_of_the_console_interrupts_its_commands(tmp_path: Path) -> None:
    app = web.Application()
    routes.setup(app, Instance("test", tmp_path, 0, "127.0.0.1:8080"))
    runner = web.AppRunner(app)
    await runner.setup()
    commands = app[routes.COMMANDS]
    started = await commands.start([*PYTHON, UNDOES])
    await wait_for_output(commands, started.id, "ready")
    await runner.cleanup()
    ended = commands.find(started.id)
    assert ended
    assert (ended.running, ended.exit_code, ended.interrupted) == (False, 130, True)
