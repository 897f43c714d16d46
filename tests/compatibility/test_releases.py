"""Which state of the repository counts as the previous release, and what is said where it is not at hand."""

from pathlib import Path

import pytest

from tests.compatibility.releases import MissingError, noted, previous
from tests.tidy.tree import git

WHO = ("-c", "user.name=Test", "-c", "user.email=test@shop.example", "-c", "tag.gpgSign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository of two commits."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    for name in ("first", "second"):
        (root / name).touch()
        git(root, "add", ".")
        git(root, *WHO, "commit", "--quiet", f"--message={name}")
    return root


def test_the_newest_tag_that_leads_here_counts(repository: Path) -> None:
    for tag, commit in (("v1.0.0", "HEAD~1"), ("v1.1.0", "HEAD")):
        git(repository, *WHO, "tag", "--annotate", f"--message={tag}", tag, commit)
        assert previous(repository, noted()) == tag
    git(repository, "checkout", "--quiet", "--detach", "HEAD~1")
    assert previous(repository, noted()) == "v1.0.0", "what was tagged later leads elsewhere"


def test_without_a_tag_the_noted_commit_counts(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD~1").strip()
    assert previous(repository, first) == first


def test_a_clone_without_its_history_says_in_a_line_what_is_to_be_done(repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "HEAD~1").strip()
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(MissingError) as told:
        previous(tmp_path / "shallow", first)
    assert str(told.value) == (
        f"the previous release ({first}) is not in this clone: `git fetch --tags --unshallow` brings it"
    )
    git(tmp_path / "shallow", "fetch", "--quiet", "--tags", "--unshallow")
    assert previous(tmp_path / "shallow", first) == first
