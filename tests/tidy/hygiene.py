"""What no tracked file may contain: addresses of registries, paths of one machine, too much code."""

import re
from collections.abc import Iterator

from tests.tidy.tree import Tree

MAX_LINES = 400
REGISTRIES = re.compile(
    # The installer's settings decide on mirrors and proxies; the hashes in the lock files decide on contents.
    r"(?<![\w.-])(?:[\w-]+\.)*(?:"
    r"pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|goproxy\.\w+|npmjs\.(?:org|com)|crates\.io"
    r"|maven\.org|maven\.apache\.org|docker\.(?:io|com)|ghcr\.io|gcr\.io|quay\.io|registry\.k8s\.io|anaconda\.org"
    r"|buf\.build|rubygems\.org)(?![\w-])"
    r"|--(?:extra-)?index-url|\bGOPROXY=",
)
START, END = r"(?<![\w.$}~*<>-])", r"(?=[/\s\"'`:,;)]|$)"
MACHINE = re.compile(rf"{START}/(?:root|work|Users/\w+|home/[a-z][\w-]*){END}")
TEMPORARY = re.compile(START + r"/tmp" + END)  # noqa: S108  # the pattern of what is forbidden
GENERATED = "gen"
NOT_OURS = (GENERATED, "third_party/googleapis", "third_party/protovalidate")
"""What is generated, and copies of the files of others. A file option there may name the host of a registry."""


def registries(tree: Tree) -> Iterator[str]:
    """Yield each address of a package registry. Module paths such as golang.org/x are names, and allowed."""
    for place, found in _matches(tree, REGISTRIES):
        yield f"{place} {found} is a package registry: leave it to the settings of the installer"


def machine_paths(tree: Tree) -> Iterator[str]:
    """Yield each path that exists on one machine only. Tests may name the folder for temporary files."""
    for place, found in _matches(tree, MACHINE):
        yield f"{place} {found} is a path of one machine: use a setting or a relative path"
    for place, found in _matches(tree, TEMPORARY):
        if not place.startswith("tests/"):
            yield f"{place} {found} is a path of one machine: use the tempfile module"


def long_files(tree: Tree) -> Iterator[str]:
    """Yield the Python files with too many lines."""
    for file in tree.under(suffix=".py"):
        if file.parts[0] != GENERATED and (lines := tree.text(file).count("\n")) > MAX_LINES:
            yield f"{file} has {lines} lines: split it ({MAX_LINES} at most, 150 is good)"


def _matches(tree: Tree, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield (file:line, text) of each match in our own files."""
    for file in tree.files:
        if not any(file.is_relative_to(folder) for folder in NOT_OURS):
            text = tree.text(file)
            yield from (
                (f"{file}:{text.count(chr(10), 0, match.start()) + 1}", match[0]) for match in pattern.finditer(text)
            )
