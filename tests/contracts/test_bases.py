"""Which older states of the repository the contracts are compared with, and what is said where one is missing."""

from pathlib import Path

import pytest

from tests.tidy.tree import git
from tools.breaking.bases import MissingError, default_bases, previous

WHO = ("-c", "user.name=Test", "-c", "user.email=test@shop.example", "-c", "tag.gpgSign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository of two commits."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    for name in ("first", "second"):
        commit(root, name)
    return root


def commit(root: Path, name: str) -> str:
    """Commit a contract of a name and return the commit's id."""
    (root / "proto").mkdir(exist_ok=True)
    (root / f"proto/{name}.proto").touch()
    git(root, "add", ".")
    git(root, *WHO, "commit", "--quiet", f"--message={name}")
    return git(root, "rev-parse", "HEAD").strip()


def note(root: Path, revision: str) -> str:
    """Note a revision as the last release, and return its id."""
    noted = git(root, "rev-parse", revision).strip()
    file = root / "tests/compatibility/previous-release"
    file.parent.mkdir(parents=True)
    file.write_text(f"# A comment.\n{noted}\n", encoding="utf-8")
    return noted


def tag(root: Path, name: str, revision: str) -> None:
    """Tag a revision."""
    git(root, *WHO, "tag", "--annotate", f"--message={name}", name, revision)


def clone(root: Path, *options: str) -> Path:
    """Clone a repository beside it."""
    git(root.parent, "clone", "--quiet", *options, f"file://{root}", "clone")
    return root.parent / "clone"


def test_the_newest_tag_that_leads_to_head_is_the_last_release(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    assert previous(repository, "") == "v1.0.0"
    commit(repository, "third")
    tag(repository, "v1.1.0", "HEAD~1")
    assert previous(repository, "") == "v1.1.0"
    git(repository, "checkout", "--quiet", "--detach", "HEAD~1")
    assert previous(repository, "") == "v1.0.0", "the newer tag leads to another commit"


def test_a_tag_of_head_counts_only_beside_an_edit_that_is_not_committed(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    for name in ("v1.1.0", "v1.1.0-again"):
        tag(repository, name, "HEAD")
    assert previous(repository, "") == "v1.0.0"
    (repository / "README.md").touch()
    assert previous(repository, "") == "v1.0.0", "that is no contract"
    (repository / "proto/third.proto").touch()
    assert previous(repository, "").startswith("v1.1.0")


def test_without_a_tag_the_noted_commit_is_the_last_release(repository: Path) -> None:
    first = note(repository, "HEAD~1")
    assert [base.revision for base in default_bases(repository)] == [first]
    assert first[:7] in default_bases(repository)[0].name


@pytest.mark.parametrize("tagged", [True, False])
def test_head_is_not_compared_with_itself(repository: Path, tagged: bool) -> None:  # noqa: FBT001  # a case
    head = git(repository, "rev-parse", "HEAD").strip()
    if tagged:
        tag(repository, "v1.0.0", "HEAD")
    with pytest.raises(MissingError, match="is HEAD itself, without changes: nothing to compare"):
        previous(repository, head)
    (repository / "proto/second.proto").write_text("// An edit.\n", encoding="utf-8")
    assert previous(repository, head) == ("v1.0.0" if tagged else head)


def test_a_clone_without_its_history_says_in_a_line_what_is_to_be_done(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD~1").strip()
    shallow = clone(repository, "--depth=1")
    with pytest.raises(MissingError) as told:
        previous(shallow, first)
    assert str(told.value) == (
        f"the last release ({first}) is not in this clone, which holds only the newest commits: "
        "run `git fetch --tags --unshallow`"
    )
    git(shallow, "fetch", "--quiet", "--tags", "--unshallow")
    assert previous(shallow, first) == first


def test_a_commit_that_is_nowhere_is_named_with_the_file_that_notes_it(repository: Path) -> None:
    with pytest.raises(MissingError, match=r"deadbeef.*another commit in tests/compatibility/previous-release"):
        previous(repository, "deadbeef")


def test_a_branch_of_a_clone_is_compared_with_the_merge_base_too(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    copy = clone(repository)
    fork = git(copy, "rev-parse", "HEAD").strip()
    assert [base.revision for base in default_bases(copy)] == ["v1.0.0"], "the merge base is HEAD"
    git(copy, "checkout", "--quiet", "-b", "feature")
    commit(copy, "feature")
    commit(repository, "third")
    git(copy, "fetch", "--quiet")
    assert [base.revision for base in default_bases(copy)] == ["v1.0.0", fork]
    assert default_bases(copy)[1].name == f"the merge base with origin/main ({fork[:7]})"


def test_a_merge_base_that_is_the_last_release_is_compared_once(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD")
    copy = clone(repository)
    commit(copy, "third")
    assert [base.revision for base in default_bases(copy)] == ["v1.0.0"]


def test_the_remote_that_a_branch_tracks_comes_before_origin(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    copy = clone(repository)
    git(copy, "remote", "add", "--fetch", "upstream", f"file://{repository}")
    git(copy, "checkout", "--quiet", "-b", "feature", "--track", "upstream/main")
    commit(copy, "feature")
    assert "upstream/main" in default_bases(copy)[1].name
