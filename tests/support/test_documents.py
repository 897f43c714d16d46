"""A block of a document runs in one shell, part by part. A command that fails is reported with the output so far."""

import os
from pathlib import Path

import pytest

from tests.support.documents import find_blocks, find_missing_line, run_block, run_document, shell_session

BLOCK = """\
greet() { echo "hello $1"; }
name=reader
greet $name             # prints: hello reader
while sleep 0.1; do :; done &
greet again \\
  twice
# prints: hello again
echo $name > stage.txt
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


async def test_a_block_pauses_and_continues_in_the_same_shell(folder: Path) -> None:
    async with shell_session(BLOCK, folder, os.environ, {"stage.txt": "next.txt"}) as session:
        await session.run_until("echo $name")
        assert "hello again" in session.output
        assert "next.txt" not in session.output
        await session.run_rest()
    assert (folder / "next.txt").read_text() == "reader\n"


@pytest.mark.parametrize(
    "wrong",
    [
        "greet you      # prints: hello me",
        "greet you\n# prints: hello me",
        "greet you \\\n  all    # prints: hello me",
        "# A comment.\ngreet you\n# prints: hello me",
        "false",
        "echo one | grep two",
        "exit 1",
    ],
)
async def test_a_command_that_fails_is_reported_with_the_output(folder: Path, wrong: str) -> None:
    with pytest.raises(AssertionError, match=r"(?s)hello reader.*hello again"):
        await run_block(f"{BLOCK}{wrong}\necho never\n", folder, os.environ, {})
    assert "echo never" not in (folder.parent / "folder.log").read_text().splitlines()


async def test_a_command_after_a_sleep_is_repeated_until_it_prints_its_words(folder: Path) -> None:
    block = """\
count() { echo x >> counted; wc -l < counted; }
count    # prints: 1
true && sleep 0
count    # prints: 4
"""
    await run_block(block, folder, os.environ, {})


@pytest.mark.parametrize("wrong", ["greet you   # prints: hello me", "(false; greet me)     # prints: hello me"])
async def test_a_repeated_command_that_never_succeeds_fails(folder: Path, wrong: str) -> None:
    with pytest.raises(AssertionError, match="hello again"):
        await run_block(f"{BLOCK}sleep 0\n{wrong}\n", folder, os.environ | {"REPEAT_SECONDS": "1"}, {})


async def test_a_pause_needs_a_line_that_exists(folder: Path) -> None:
    async with shell_session(BLOCK, folder, os.environ, {}) as session:
        with pytest.raises(AssertionError, match="no line in the rest of the block starts with 'kubectl'"):
            await session.run_until("kubectl")


def test_only_shell_blocks_are_found() -> None:
    assert find_blocks("```sh\na\n```\n```yaml\nb\n```\n```sh\nc\nd\n```\n") == ["a\n", "c\nd\n"]


DOCUMENT = """\
```sh
name=reader
echo '{"hello":  "world", "id": 17}' && echo more && echo last
```
It prints:
```text
{"hello": "world", "id": …}
…
last
```
```yaml
never: run
```
```sh
echo "$name at localhost:8080"
```
```text
reader at localhost:8080
```
"""


async def test_a_document_runs_in_one_shell_and_shows_its_real_output(folder: Path) -> None:
    await run_document(DOCUMENT, folder, os.environ, {"localhost:8080": "127.0.0.2:8080"})


@pytest.mark.parametrize(
    ("old", "new"), [('"world"', '"moon"'), ("\nlast\n```", "\nlost\n```"), ("reader at", "writer at")]
)
async def test_a_document_that_shows_other_output_fails(folder: Path, old: str, new: str) -> None:
    commands, separator, shown = DOCUMENT.partition("It prints")
    with pytest.raises(AssertionError, match="the document shows"):
        await run_document(
            commands + separator + shown.replace(old, new), folder, os.environ, {'echo "$name': 'echo "reader'}
        )


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        ("a\nc\n", None),
        ("a …\n", None),
        ("…\nc\n", None),
        ("c\na\n", "a"),
        ("a\na\n", "a"),
        ("a … c\n", "a … c"),
        ("a.b\n", "a.b"),
    ],
)
def test_shown_lines_must_be_printed_in_their_order(shown: str, missing: str | None) -> None:
    assert find_missing_line(shown, "a  b\nb\nc\n") == missing
