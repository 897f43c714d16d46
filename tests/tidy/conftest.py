"""Fixtures: the checkout itself, and small trees with files that a test makes up."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.tidy.tree import Tree

MakeTree = Callable[[Mapping[str, str]], Tree]


@pytest.fixture(scope="session")
def checkout() -> Tree:
    """Return the checkout that contains these tests."""
    return Tree.of_git(ROOT)


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """Return a function that creates a tree from {path: text}."""

    def make(files: Mapping[str, str]) -> Tree:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Tree.of_folder(tmp_path)

    return make
