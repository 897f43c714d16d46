"""What no tracked file may contain: addresses of registries, paths of one machine, secrets, too much code."""

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
SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n"),
    "a token": re.compile(
        r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}\b"
        r"|\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\."
    ),
    # A host without a dot is an example: `postgresql://user:secret@db`.
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@\"'<>{}$]+:[^\s/@\"'<>{}$…]+@[\w-]+\."),
    "a password": re.compile(
        r"(?i)\b(?:password|passwd|secret|api_?key|access_?key|private_?key)[\"']?\s*[:=]\s*[\"'][^\s\"'{}<>$]{8,}[\"']"
    ),
}
SECRET_FILES = ("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "id_rsa*", "id_ed25519*", ".env", "kubeconfig", "*.db")
HASHES = (".sum", ".lock")
GENERATED = "gen"


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


def secrets(tree: Tree) -> Iterator[str]:
    """Yield what looks like a secret."""
    for file in tree.files:
        if any(file.match(pattern) for pattern in SECRET_FILES):
            yield f"{file} contains secrets or data: create it at run time, outside the checkout"
    for what, pattern in SECRETS.items():
        for place, _ in _matches(tree, pattern, generated=True):
            if not place.partition(":")[0].endswith(HASHES):
                yield f"{place} looks like {what}: create it at run time, or read it from a setting"


def _matches(tree: Tree, pattern: re.Pattern[str], *, generated: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (file:line, text) of each match, in generated files only on request."""
    for file in tree.files:
        if generated or file.parts[0] != GENERATED:
            text = tree.text(file)
            yield from (
                (f"{file}:{text.count(chr(10), 0, match.start()) + 1}", match[0]) for match in pattern.finditer(text)
            )
