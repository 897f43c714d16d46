"""The checkout as it stands, and small trees in which a test plants what a law forbids."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, Tree

Plant = Callable[[Mapping[str, str]], Tree]


@pytest.fixture(scope="session")
def checkout() -> Tree:
    """Answer the checkout that the tests stand in."""
    return Tree.of_git(ROOT)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Make a tree of the files that are given as {path: text}."""

    def planted(files: Mapping[str, str]) -> Tree:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Tree.of_folder(tmp_path)

    return planted
