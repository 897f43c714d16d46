"""What no tracked file may hold: a registry's address, a path of one machine, a secret; and how long code may be."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.tidy.tree import Tree

LONGEST = 400
"""Lines of a Python file; most should have some 150."""

REGISTRIES = re.compile(
    # Whoever installs has mirrors and proxies of their own; the lock files' hashes say what is wanted.
    r"(?<![\w.-])(?:[\w-]+\.)*(?:"
    r"pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|goproxy\.\w+|npmjs\.(?:org|com)|crates\.io"
    r"|maven\.org|maven\.apache\.org|docker\.(?:io|com)|ghcr\.io|gcr\.io|quay\.io|registry\.k8s\.io|anaconda\.org"
    r"|buf\.build|rubygems\.org)(?![\w-])"
    r"|--(?:extra-)?index-url|\bGOPROXY=",
)
MACHINE = re.compile(r"(?<![\w.$}~*<>-])/(?:root|work|Users/\w+|home/[a-z][\w-]*)(?=[/\s\"'`:,;)]|$)")
TEMPORARY = re.compile(r"(?<![\w.$}~*<>-])/tmp(?=[/\s\"'`:,;)]|$)")
PROXIED = re.compile(r"\burlopen\b")
LOOPBACK = "mesh/local/loopback.py"
SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n"),
    "a token": re.compile(
        r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}\b"
        r"|\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\."
    ),
    # A host without a dot is nobody's: `postgresql://user:secret@db` is an example.
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@\"'<>{}$]+:[^\s/@\"'<>{}$…]+@[\w-]+\."),
    "a password": re.compile(
        r"(?i)\b(?:password|passwd|secret|api_?key|access_?key|private_?key)[\"']?\s*[:=]\s*[\"'][^\s\"'{}<>$]{8,}[\"']"
    ),
}
SECRET_FILES = ("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "id_rsa*", "id_ed25519*", ".env", "kubeconfig", "*.db")
GENERATED = ("gen",)
SUMS = (".sum", ".lock")
"""Files of hashes, which are long and random by nature."""


def registries(tree: Tree) -> Iterator[str]:
    """Answer where a package registry is named: module paths such as golang.org/x are names, and no registry's."""
    yield from _lines(tree, REGISTRIES, "names a package registry; leave it to the installer's own settings")


def machine_paths(tree: Tree) -> Iterator[str]:
    """Answer where a path of somebody's machine stands; tests may name the folder for temporary files."""
    yield from _lines(
        tree, MACHINE, "is a path of one machine; take it from a setting, or reckon it from the file's own"
    )
    outside = Tree(tree.root, tuple(file for file in tree.files if file.parts[0] != "tests"))
    yield from _lines(outside, TEMPORARY, "is a path of one machine; the tempfile module knows the right one")


def proxied(tree: Tree) -> Iterator[str]:
    """Return where a URL is opened through the proxy that the environment names: all of ours are this machine's."""
    python = tuple(file for file in tree.under(suffix=".py") if str(file) != LOOPBACK)
    yield from _lines(Tree(tree.root, python), PROXIED, f"may go through a proxy; use open_url of {LOOPBACK}")


def long_files(tree: Tree) -> Iterator[str]:
    """Answer the Python files that nobody wants to read."""
    for file in tree.under(suffix=".py"):
        if file.parts[0] not in GENERATED and (lines := tree.text(file).count("\n")) > LONGEST:
            yield f"{file} has {lines} lines: divide it by what it knows ({LONGEST} at most, 150 is good)"


def secrets(tree: Tree) -> Iterator[str]:
    """Answer what looks like a secret; a test's own may be made at run time."""
    for file in tree.files:
        if any(file.match(pattern) for pattern in SECRET_FILES):
            yield f"{file} is a file of secrets or data: make it at run time, outside of the checkout"
        elif file.suffix not in SUMS:
            text = tree.text(file)
            for kind, pattern in SECRETS.items():
                for found in pattern.finditer(text):
                    yield f"{_place(file, text, found)} looks like {kind}: make it at run time, or have it given"


def _lines(tree: Tree, pattern: re.Pattern[str], told: str) -> Iterator[str]:
    for file in tree.files:
        if file.parts[0] not in GENERATED:
            text = tree.text(file)
            yield from (f"{_place(file, text, found)} {found[0]} {told}" for found in pattern.finditer(text))


def _place(file: PurePosixPath, text: str, found: re.Match[str]) -> str:
    return f"{file}:{text.count(chr(10), 0, found.start()) + 1}"
