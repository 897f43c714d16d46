"""What the READMEs of the tools tell a reader to type is typed here, in a folder with the project's tools alone."""

import os
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks, run_block

READMES = ("tools/protoc_gen_istio/README.md",)


@pytest.mark.prove
@pytest.mark.parametrize("block", blocks(*READMES))
async def test_block_does_what_it_says(block: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".venv").symlink_to(ROOT / ".venv")
    await run_block(block, folder, os.environ, {})
