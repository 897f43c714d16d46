"""The bases of a comparison: which older states of the repository count, and the error if one is missing."""

from pathlib import Path

import pytest

from tests.support.checkout import git
from tools.breaking.bases import MissingError, default_bases, last_release

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@shop.example", "-c", "tag.gpgSign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Create a repository with two commits."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    for name in ("first", "second"):
        commit(root, name)
    return root


def commit(root: Path, name: str) -> str:
    """Commit a new contract and return the commit's id."""
    (root / "proto").mkdir(exist_ok=True)
    (root / f"proto/{name}.proto").touch()
    git(root, "add", ".")
    git(root, *IDENTITY, "commit", "--quiet", f"--message={name}")
    return git(root, "rev-parse", "HEAD").strip()


def record_release(root: Path, revision: str) -> str:
    """Write a revision into the file previous-release and return its id."""
    commit_id = git(root, "rev-parse", revision).strip()
    file = root / "tests/compatibility/previous-release"
    file.parent.mkdir(parents=True)
    file.write_text(f"# A comment.\n{commit_id}\n", encoding="utf-8")
    return commit_id


def tag(root: Path, name: str, revision: str) -> None:
    """Tag a revision."""
    git(root, *IDENTITY, "tag", "--annotate", f"--message={name}", name, revision)


def clone(root: Path, *options: str) -> Path:
    """Clone a repository into a folder next to it."""
    git(root.parent, "clone", "--quiet", *options, f"file://{root}", "clone")
    return root.parent / "clone"


def test_the_newest_tag_before_head_is_the_last_release(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    assert last_release(repository, "") == "v1.0.0"
    commit(repository, "third")
    tag(repository, "v1.1.0", "HEAD~1")
    assert last_release(repository, "") == "v1.1.0"
    git(repository, "checkout", "--quiet", "--detach", "HEAD~1")
    assert last_release(repository, "") == "v1.0.0", "the newer tag is not an ancestor"


def test_a_tag_of_head_counts_only_with_uncommitted_changes(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    for name in ("v1.1.0", "v1.1.0-again"):
        tag(repository, name, "HEAD")
    assert last_release(repository, "") == "v1.0.0"
    (repository / "README.md").touch()
    assert last_release(repository, "") == "v1.0.0", "the file is not a contract"
    (repository / "proto/third.proto").touch()
    assert last_release(repository, "").startswith("v1.1.0")


def test_without_tags_the_recorded_commit_is_the_last_release(repository: Path) -> None:
    first = record_release(repository, "HEAD~1")
    assert [base.revision for base in default_bases(repository)] == [first]
    assert first[:7] in default_bases(repository)[0].name


@pytest.mark.parametrize("tagged", [True, False])
def test_head_is_not_compared_with_itself(repository: Path, tagged: bool) -> None:  # noqa: FBT001  # a case
    head = git(repository, "rev-parse", "HEAD").strip()
    if tagged:
        tag(repository, "v1.0.0", "HEAD")
    with pytest.raises(MissingError, match="is HEAD itself, without changes: nothing to compare"):
        last_release(repository, head)
    (repository / "proto/second.proto").write_text("// An edit.\n", encoding="utf-8")
    assert last_release(repository, head) == ("v1.0.0" if tagged else head)


def test_the_error_in_a_shallow_clone_contains_the_command_that_fetches_the_history(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD~1").strip()
    shallow = clone(repository, "--depth=1")
    with pytest.raises(MissingError) as error:
        last_release(shallow, first)
    assert str(error.value) == (
        f"the last release ({first}) is not in this clone, which contains only the newest commits: "
        "run `git fetch --tags --unshallow`"
    )
    git(shallow, "fetch", "--quiet", "--tags", "--unshallow")
    assert last_release(shallow, first) == first


def test_a_missing_commit_is_named_with_the_file_that_contains_it(repository: Path) -> None:
    with pytest.raises(MissingError, match=r"deadbeef.*another commit into tests/compatibility/previous-release"):
        last_release(repository, "deadbeef")


def test_a_branch_in_a_clone_is_also_compared_with_the_merge_base(repository: Path) -> None:
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


def test_a_merge_base_that_is_the_last_release_counts_once(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD")
    copy = clone(repository)
    commit(copy, "third")
    assert [base.revision for base in default_bases(copy)] == ["v1.0.0"]


def test_the_tracked_remote_takes_precedence_over_origin(repository: Path) -> None:
    tag(repository, "v1.0.0", "HEAD~1")
    copy = clone(repository)
    git(copy, "remote", "add", "--fetch", "upstream", f"file://{repository}")
    git(copy, "checkout", "--quiet", "-b", "feature", "--track", "upstream/main")
    commit(copy, "feature")
    assert "upstream/main" in default_bases(copy)[1].name
