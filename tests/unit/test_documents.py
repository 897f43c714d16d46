"""A document's block runs in one shell, part by part, and a command that fails is shown with what was printed."""

import os
from pathlib import Path

import pytest

from tests.documents import REPEAT, find_blocks, run_block, shell_session

BLOCK = """\
greet() { echo "hello $1"; }
name=reader
greet $name             # → hello reader
while sleep 0.1; do :; done &
greet again \\
  twice                 # → hello again
echo $name > stage.txt
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


async def test_a_block_pauses_and_goes_on_in_the_same_shell(folder: Path) -> None:
    async with shell_session(BLOCK, folder, os.environ, {"stage.txt": "next.txt"}) as session:
        await session.run_until("echo $name")
        assert "hello again" in session.output
        assert "next.txt" not in session.output
        await session.run_rest()
    assert (folder / "next.txt").read_text() == "reader\n"


@pytest.mark.parametrize("wrong", ["greet you      # → hello me", "false", "echo one | grep two", "exit 1"])
async def test_a_command_that_fails_is_shown_with_the_output(folder: Path, wrong: str) -> None:
    with pytest.raises(AssertionError, match=r"(?s)hello reader.*hello again"):
        await run_block(f"{BLOCK}{wrong}\necho never\n", folder, os.environ, {})
    assert "echo never" not in (folder.parent / "folder.log").read_text().splitlines()


async def test_what_a_reader_waits_for_is_tried_again(folder: Path) -> None:
    block = "count() { echo x >> counted; wc -l < counted; }\ncount    # → 1\ntrue && sleep 0\ncount    # → 4\n"
    await run_block(block, folder, os.environ, {})


@pytest.mark.parametrize("wrong", ["greet you   # → hello me", "(false; greet me)     # → hello me"])
async def test_what_never_comes_fails(folder: Path, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.documents.REPEAT", REPEAT.replace("+ 60", "+ 1"))
    with pytest.raises(AssertionError, match="hello again"):
        await run_block(f"{BLOCK}sleep 0\n{wrong}\n", folder, os.environ, {})


async def test_a_line_to_pause_at_must_be_there(folder: Path) -> None:
    async with shell_session(BLOCK, folder, os.environ, {}) as session:
        with pytest.raises(AssertionError, match="no line of the block that is left starts with 'kubectl'"):
            await session.run_until("kubectl")


def test_only_shell_blocks_are_found() -> None:
    assert find_blocks("```sh\na\n```\n```yaml\nb\n```\n```sh\nc\nd\n```\n") == ["a\n", "c\nd\n"]
