"""The default bases of a comparison: the last release, and the merge base with the upstream's main."""

from dataclasses import dataclass
from pathlib import Path

from tools.breaking.sources import SourceError, commit_of, git

RELEASE_FILE = "tests/compatibility/previous-release"
"""Contains the commit that counts as the last release while there are no tags."""
CONTRACTS = ("proto/*.proto",)


class MissingError(SourceError):
    """There is no older release to compare with. The text states the reason and the remedy."""


@dataclass(frozen=True)
class Base:
    """A revision to compare with."""

    revision: str
    name: str
    """A human-readable name."""


def default_bases(root: Path) -> list[Base]:
    """Return the last release and, in a clone, the merge base of HEAD and the upstream's main. Raise MissingError.

    A commit is not compared with itself: without uncommitted changes of the contracts, a merge base that is HEAD does
    not count.
    """
    release = last_release(root, recorded_release(root))
    bases = {_commit(root, release): Base(release, f"the last release, {_name(root, release)}")}
    main = _upstream_main(root)
    fork = git(root, "merge-base", "HEAD", main) if main else None
    if fork and fork not in bases and (fork != _commit(root, "HEAD") or changed(root)):
        bases[fork] = Base(fork, f"the merge base with {main} ({commit_of(fork, root)})")
    return list(bases.values())


def recorded_release(root: Path) -> str:
    """Return the commit in the file previous-release, or "" without the file."""
    path = root / RELEASE_FILE
    return path.read_text(encoding="utf-8").split()[-1] if path.exists() else ""


def last_release(root: Path, default: str, *paths: str) -> str:
    """Return the newest tag that is an ancestor of HEAD or, without tags, the commit `default`. Raise MissingError.

    A release is not compared with itself: HEAD and its tags count only if files in `paths` (by default the contracts)
    have uncommitted changes.
    """
    head = _commit(root, "HEAD")
    if head is None:
        raise MissingError("there is no git history to compare with: set AGAINST= to a folder that contains a proto/")
    edited = changed(root, *paths)
    head_tags = [] if edited else (git(root, "tag", "--points-at", "HEAD") or "").split()
    tag = git(root, "describe", "--tags", "--abbrev=0", *(f"--exclude={name}" for name in head_tags))
    if tag:
        return tag
    commit = _commit(root, default)
    if commit is None:
        name = f"the last release ({default})" if default else "a tag of the last release"
        raise MissingError(f"{name} is not in this {_describe_fetch(root)}")
    if commit == head and not edited:
        raise MissingError(f"the last release ({default}) is HEAD itself, without changes: nothing to compare")
    return default


def changed(root: Path, *paths: str) -> bool:
    """Return whether files in `paths`, by default the contracts, have uncommitted changes."""
    return bool(git(root, "status", "--porcelain", "--untracked-files=all", "--", *(paths or CONTRACTS)))


def _describe_fetch(root: Path) -> str:
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        return "clone, which contains only the newest commits: run `git fetch --tags --unshallow`"
    return f"repository: run `git fetch --tags`, or write another commit into {RELEASE_FILE}"


def _upstream_main(root: Path) -> str:
    """Return the main branch of the remote that the current branch tracks, else of origin; "" if there is none."""
    branch = git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    tracked = git(root, "config", f"branch.{branch}.remote") if branch else None
    names = (f"{remote}/main" for remote in (tracked, "origin") if remote)
    return next((name for name in names if _commit(root, f"refs/remotes/{name}")), "")


def _commit(root: Path, revision: str) -> str | None:
    return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def _name(root: Path, release: str) -> str:
    short = commit_of(release, root)
    return f"{release} ({short})" if not release.startswith(str(short)) else f"{short} (from {RELEASE_FILE})"
