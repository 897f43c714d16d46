"""What the contracts are compared with by default: the last release, and the merge base with the upstream's main."""

from dataclasses import dataclass
from pathlib import Path

from tools.breaking.sources import SourceError, commit_of, git

NOTED = "tests/compatibility/previous-release"
"""Holds the commit that stands for the last release while there are no tags."""
CONTRACTS = ("proto/*.proto",)


class MissingError(SourceError):
    """There is no older release to compare with. The text says why, and what to do."""


@dataclass(frozen=True)
class Base:
    """A revision to compare with."""

    revision: str
    name: str
    """What it is, for people."""


def default_bases(root: Path) -> list[Base]:
    """Return the last release and, in a clone, the merge base of HEAD and the upstream's main. Raise MissingError.

    No commit is compared with itself: the merge base is left out if it is HEAD and the contracts are as committed.
    """
    release = previous(root, noted(root))
    bases = {_commit(root, release): Base(release, f"the last release, {_name(root, release)}")}
    main = _upstream_main(root)
    fork = git(root, "merge-base", "HEAD", main) if main else None
    if fork and fork not in bases and (fork != _commit(root, "HEAD") or changed(root)):
        bases[fork] = Base(fork, f"the merge base with {main} ({commit_of(fork, root)})")
    return list(bases.values())


def noted(root: Path) -> str:
    """Return the commit that stands for the last release while there are no tags; "" if none is noted."""
    path = root / NOTED
    return path.read_text(encoding="utf-8").split()[-1] if path.exists() else ""


def previous(root: Path, otherwise: str, *paths: str) -> str:
    """Return the newest tag that leads to HEAD or, without one, the commit `otherwise`. Raise MissingError.

    A release is not compared with itself: HEAD, and a tag of it, count only if files in `paths` (by default the
    contracts) differ from what is committed.
    """
    head = _commit(root, "HEAD")
    if head is None:
        raise MissingError("there is no git history to compare with: name a folder that holds a proto/ with AGAINST=")
    edited = changed(root, *paths)
    own = [] if edited else (git(root, "tag", "--points-at", "HEAD") or "").split()
    tag = git(root, "describe", "--tags", "--abbrev=0", *(f"--exclude={name}" for name in own))
    if tag:
        return tag
    commit = _commit(root, otherwise)
    if commit is None:
        name = f"the last release ({otherwise})" if otherwise else "a tag of the last release"
        raise MissingError(f"{name} is not in this {_way_to_fetch(root)}")
    if commit == head and not edited:
        raise MissingError(f"the last release ({otherwise}) is HEAD itself, without changes: nothing to compare")
    return otherwise


def changed(root: Path, *paths: str) -> bool:
    """Return whether files in these paths, by default the contracts, differ from HEAD or are not in it."""
    return bool(git(root, "status", "--porcelain", "--untracked-files=all", "--", *(paths or CONTRACTS)))


def _way_to_fetch(root: Path) -> str:
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        return "clone, which holds only the newest commits: run `git fetch --tags --unshallow`"
    return f"repository: run `git fetch --tags`, or note another commit in {NOTED}"


def _upstream_main(root: Path) -> str:
    """Return the branch main of the remote that the current branch tracks, else of origin; "" if there is none."""
    branch = git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    tracked = git(root, "config", f"branch.{branch}.remote") if branch else None
    names = (f"{remote}/main" for remote in (tracked, "origin") if remote)
    return next((name for name in names if _commit(root, f"refs/remotes/{name}")), "")


def _commit(root: Path, revision: str) -> str | None:
    return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def _name(root: Path, release: str) -> str:
    short = commit_of(release, root)
    return f"{release} ({short})" if not release.startswith(str(short)) else f"{short} (noted in {NOTED})"
