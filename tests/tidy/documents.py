"""Commands, links, paths, modules and methods that documents name exist; and the documents that are needed exist."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import typer
from google.protobuf.descriptor_pool import Default

from mesh.local.cli import app
from tests.support.contracts import files as contract_files
from tests.tidy.markdown import Document, documents
from tests.tidy.tree import Tree

SUFFIXES = (".csv", ".lock", ".md", ".mod", ".proto", ".py", ".sum", ".toml", ".yaml", "/")
"""What the name of a file or folder ends with."""
REQUIRED = ("README.md", "mesh/istio/README.md", "mesh/kubernetes/README.md", "mesh/local/README.md")
MAX_CODE_WIDTH, MAX_WIDTH = 100, 200
"""Characters of a line of code in a document: a longer one cannot be read without scrolling."""
PASSES_OPTIONS = "logs"
"""The command that passes its options to kubectl."""


def make_targets(tree: Tree) -> Iterator[str]:
    """Yield each `make` target that is named somewhere and is not in the Makefile."""
    targets = re.findall(r"^([a-z][a-z-]*):", tree.text("Makefile"), re.MULTILINE)
    for file, command in _commands(tree, "make"):
        for word in command.split()[1:]:
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            if word not in targets:
                yield f"{file} names `make {word}`, which is not in the Makefile"


def mesh_commands(tree: Tree) -> Iterator[str]:
    """Yield each `mesh` command and option that is named somewhere and that the CLI does not have."""
    known = _cli()
    for file, text in _commands(tree, "mesh"):
        [_, command, *words] = text.split()
        if command not in known:
            yield f"{file} names `mesh {command}`, which the CLI does not have"
        elif command != PASSES_OPTIONS:
            options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
            unknown = [option for option in options if option not in known[command]]
            yield from (f"{file} names `mesh {command} {option}`, which the CLI does not have" for option in unknown)


def _cli() -> Mapping[str, set[str]]:
    """Return the options of each command of the CLI."""
    return {
        name: {"--help", *(word for each in command.params for word in (*each.opts, *each.secondary_opts))}
        for name, command in typer.main.get_group(app).commands.items()
    }


def _commands(tree: Tree, program: str) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield each call of a program: in the code of documents, and in spans (`mesh up`) of all other texts."""
    call = re.compile(rf"(?<![\w/.@-])(?:\.venv/bin/)?{program} [a-z][^;&|()\"'\n]*")
    for file in tree.files:
        if file.suffix == ".md":
            document = Document(file, tree.text(file))
            texts = [document.shell, *document.spans]
        elif file.suffix in {".py", ".yaml", ".proto"} and file.parts[0] != "tests":
            texts = re.findall(rf"`((?:\.venv/bin/)?{program} [^`\n]+)`", tree.text(file))
            texts += re.findall(rf"\.venv/bin/{program} [^`\n{{]+", tree.text(file))
        else:
            continue
        yield from ((file, match) for text in texts for match in call.findall(text))


def links(tree: Tree) -> Iterator[str]:
    """Yield each relative link to a file that does not exist."""
    for document in documents(tree):
        for target in document.links:
            if not tree.contains(document.file.parent / target):
                yield f"{document.file} links to {target}, which does not exist"


def headings(tree: Tree) -> Iterator[str]:
    """Yield each link to a heading that does not exist in the document."""
    for document in documents(tree):
        for target, anchor in document.anchored_links:
            file = document.file.parent / target if target else document.file
            # A path with `..` in it names the same file; the tree reads it from the disk.
            if file.suffix == ".md" and tree.contains(file) and anchor not in Document(file, tree.text(file)).anchors:
                yield f"{document.file} links to {target}#{anchor}, and the document has no such heading"


def paths(tree: Tree) -> Iterator[str]:
    """Yield each path and module that a document names and that does not exist. `<name>` matches anything."""
    for document in documents(tree):
        for word in sorted({*document.spans, *document.shell.split()}):
            path = re.sub(r"<\w+>", "*", word)
            # In a span, the name of a file is enough. In a command, a path starts with an existing folder.
            named = word in document.spans and path.endswith(SUFFIXES)
            if re.fullmatch(r"(\.\./)*\w[\w.*/-]*", path) and (named or _has_known_start(tree, document, path)):
                bare = "/" not in path and any(file.match(path) for file in tree.files)
                if not (bare or tree.contains(document.file.parent / path) or tree.contains(PurePosixPath(path))):
                    yield f"{document.file} names {word}, which does not exist"
        for module in re.findall(r"-m ((?:services|mesh|tools)\.[\w.]+)", document.shell):
            path = module.replace(".", "/")
            if not (tree.contains(PurePosixPath(path)) or tree.contains(PurePosixPath(f"{path}.py"))):
                yield f"{document.file} names the module {module}, which does not exist"


def _has_known_start(tree: Tree, document: Document, path: str) -> bool:
    """Return whether a path of several parts starts with a folder at the root or next to the document."""
    first, slash, _ = path.partition("/")
    return bool(slash) and (tree.contains(PurePosixPath(first)) or tree.contains(document.file.parent / first))


def contract_names(tree: Tree) -> Iterator[str]:
    """Yield each service, method and message that a document names and that is in no contract."""
    list(contract_files())  # importing them fills the pool
    for document in documents(tree):
        for name in re.findall(r"\bshop\.\w+\.v\d+\.\w+(?:/\w+)?", document.text):
            *package, last = name.split(".")
            is_topic = last == "events" and tree.contains(PurePosixPath("proto", *package, "events.proto"))
            try:
                if not is_topic:
                    Default().FindFileContainingSymbol(name.partition("/")[0])
                if "/" in name:
                    Default().FindMethodByName(name.replace("/", "."))
            except KeyError:
                yield f"{document.file} names {name}, which is in no contract"


def commands_run(tree: Tree) -> Iterator[str]:
    """Yield the documents with commands (`sh` blocks) that no test names, and so runs.

    scenarios.py checks the READMEs of scenarios. tests/services/test_readmes.py runs those of all services.
    """
    tests = (source for source in tree.python("tests") if source.file.name.startswith("test_"))
    named = {text for source in tests for _, text in source.strings}
    for document in documents(tree):
        elsewhere = any(document.file.match(f"{each}/*/README.md") for each in ("services", "mesh/istio/scenarios"))
        if "```sh\n" in document.text and not elsewhere and str(document.file) not in named:
            yield f"{document.file} has commands that no test runs: name it in a test that runs documents"


def readmes(tree: Tree) -> Iterator[str]:
    """Yield each folder that needs a README and has none, and each top folder that the main README does not name."""
    folders = {file.parents[-3] for file in tree.under("services") if len(file.parts) > 2}
    folders |= {file.parents[-5] for file in tree.under("mesh/istio/scenarios") if len(file.parts) > 4}
    for path in sorted({*map(PurePosixPath, REQUIRED), *(folder / "README.md" for folder in folders)}):
        if not tree.contains(path):
            yield f"{path} does not exist"
    text = tree.text("README.md") if tree.contains(PurePosixPath("README.md")) else ""
    for folder in sorted({file.parts[0] for file in tree.files if len(file.parts) > 1 and file.parts[0][0] != "."}):
        if f"`{folder}/" not in text:
            yield f"README.md does not say what is in {folder}/"


def line_width(tree: Tree) -> Iterator[str]:
    """Yield each line of a document that is too long: code as it is, other lines without the targets of their links."""
    for document in documents(tree):
        for line in (re.sub(r"\]\([^)]+\)", "]", line) for line in document.text.split("\n")):
            if len(line) > MAX_WIDTH:
                yield f"{document.file} has a line of {len(line)} characters, at most {MAX_WIDTH}: {line[:40]}"
        for line in document.code:
            if len(line) > MAX_CODE_WIDTH:
                yield f"{document.file} has a line of {len(line)} characters, at most {MAX_CODE_WIDTH}: {line[:40]}"
