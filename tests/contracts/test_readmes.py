"""The commands of documents that need no mesh do what they say."""

import os
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.documents import blocks, copy_checkout, run_block, run_document

DOCUMENTS = ("CONTRIBUTING.md", "docs/contracts.md", "docs/when-not-to.md")
READMES = ("tools/protoc_gen_istio/README.md", "tools/protoc_gen_signals/README.md")


@pytest.mark.prove
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_document_shows_what_its_commands_print(name: str, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    await run_document((ROOT / name).read_text(encoding="utf-8"), checkout, os.environ, {})


@pytest.mark.prove
@pytest.mark.parametrize("block", blocks(*READMES))
async def test_block_does_what_it_says(block: str, tmp_path: Path) -> None:
    # Other projects use these tools, too: the folder holds only the project's .venv.
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".venv").symlink_to(ROOT / ".venv")
    await run_block(block, folder, os.environ, {})
