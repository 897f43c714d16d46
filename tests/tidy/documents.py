"""What the documents name exists: commands, links, paths, modules, methods; and what needs a document has one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import typer
from google.protobuf.descriptor_pool import Default

from mesh.local.cli import app
from tests.tidy.contracts import files as generated
from tests.tidy.markdown import Document, documents
from tests.tidy.tree import Tree

FILE = (".csv", ".lock", ".md", ".mod", ".proto", ".py", ".sum", ".toml", ".yaml", "/")
"""How a path's name ends."""
WANTED = ("README.md", "mesh/istio/README.md", "mesh/kubernetes/README.md", "mesh/local/README.md")
PASSES_ON = "logs"
"""The command whose further options are those of kubectl."""


def targets(tree: Tree) -> Iterator[str]:
    """Answer the `make` targets that are named somewhere and not in the Makefile."""
    known = set(re.findall(r"^([a-z][a-z-]*):", tree.text("Makefile"), re.MULTILINE))
    for file, code in _commands(tree, "make"):
        for word in code.split()[1:]:
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            if word not in known:
                yield f"{file} names `make {word}`, which the Makefile does not have"


def commands(tree: Tree) -> Iterator[str]:
    """Answer the `mesh` commands and options that are named somewhere and that the CLI does not have."""
    known = _cli()
    for file, code in _commands(tree, "mesh"):
        [_, command, *words] = code.split()
        if command not in known:
            yield f"{file} names `mesh {command}`, which the CLI does not have"
        elif command != PASSES_ON:
            options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
            yield from (
                f"{file} names `mesh {command} {o}`: no such option" for o in options if o not in known[command]
            )


def _cli() -> Mapping[str, set[str]]:
    """Answer the options of every command of the CLI."""
    group = typer.main.get_group(app)
    return {
        name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        | {"--help"}
        for name, command in group.commands.items()
    }


def _commands(tree: Tree, program: str) -> Iterator[tuple[PurePosixPath, str]]:
    """Answer each call of a program: in documents' code, and in spans (`mesh up`) of any other text."""
    called = re.compile(rf"(?<![\w/.@-])(?:\.venv/bin/)?{program} [a-z][^;&|()\"'\n]*")
    for file in tree.files:
        if file.suffix == ".md":
            document = Document(file, tree.text(file))
            texts = [document.shell, *document.spans]
        elif file.suffix in {".py", ".yaml", ".proto"} and file.parts[0] != "tests":
            texts = re.findall(rf"`((?:\.venv/bin/)?{program} [^`\n]+)`", tree.text(file))
            texts += re.findall(rf"\.venv/bin/{program} [^`\n{{]+", tree.text(file))
        else:
            continue
        yield from ((file, call) for text in texts for call in called.findall(text))


def links(tree: Tree) -> Iterator[str]:
    """Answer the relative links that lead nowhere."""
    for document in documents(tree):
        for target in document.links:
            if not tree.holds(document.file.parent / target):
                yield f"{document.file} links to {target}, which is not there"


def paths(tree: Tree) -> Iterator[str]:
    """Answer the paths and modules that documents name and that do not exist. `<name>` stands for anything."""
    for document in documents(tree):
        for word in sorted({*document.spans, *document.shell.split()}):
            path = re.sub(r"<\w+>", "*", word)
            # In a span, a file's name alone will do; what is typed is a path only if it begins like one of ours.
            named = word in document.spans and path.endswith(FILE)
            if re.fullmatch(r"(\.\./)*\w[\w.*/-]*", path) and (named or _begins(tree, document, path)):
                bare = "/" not in path and any(file.match(path) for file in tree.files)
                if not (bare or tree.holds(document.file.parent / path) or tree.holds(PurePosixPath(path))):
                    yield f"{document.file} names {word}, which is not there"
        for module in re.findall(r"-m ((?:services|mesh|tools)\.[\w.]+)", document.shell):
            path = module.replace(".", "/")
            if not (tree.holds(PurePosixPath(path)) or tree.holds(PurePosixPath(f"{path}.py"))):
                yield f"{document.file} names the module {module}, which is not there"


def _begins(tree: Tree, document: Document, path: str) -> bool:
    """Whether a path of several parts begins with a folder that there is, at the top or beside the document."""
    first, slash, _ = path.partition("/")
    return bool(slash) and (tree.holds(PurePosixPath(first)) or tree.holds(document.file.parent / first))


def symbols(tree: Tree) -> Iterator[str]:
    """Answer the services, methods and messages that documents name and that no contract has."""
    list(generated())  # importing them fills the pool
    for document in documents(tree):
        for name in re.findall(r"\bshop\.\w+\.v\d+\.\w+(?:/\w+)?", document.text):
            if _is_topic(tree, name):
                continue
            try:
                Default().FindFileContainingSymbol(name.partition("/")[0])
                if "/" in name:
                    Default().FindMethodByName(name.replace("/", "."))
            except KeyError:
                yield f"{document.file} names {name}, which no contract has"


def _is_topic(tree: Tree, name: str) -> bool:
    """Whether it names the topic of a context's events, which its events.proto tells."""
    *package, last = name.split(".")
    return last == "events" and tree.holds(PurePosixPath("proto", *package, "events.proto"))


def untested(tree: Tree) -> Iterator[str]:
    """Yield the documents with commands (`sh` blocks) that no test names and so runs.

    scenarios.py sees to the READMEs of scenarios; tests/services/test_readmes.py runs those of all services.
    """
    tests = (source for source in tree.python("tests") if source.file.name.startswith("test_"))
    named = {text for source in tests for _, text in source.texts}
    for document in documents(tree):
        elsewhere = any(document.file.match(f"{each}/*/README.md") for each in ("services", "mesh/istio/scenarios"))
        if "```sh\n" in tree.text(document.file) and not elsewhere and str(document.file) not in named:
            yield f"{document.file} has commands that no test runs: name it in a test of documents"


def missing(tree: Tree) -> Iterator[str]:
    """Answer the folders that should have a README, and the top folders that the README passes over."""
    folders = {file.parents[-3] for file in tree.under("services") if len(file.parts) > 2}
    folders |= {file.parents[-5] for file in tree.under("mesh/istio/scenarios") if len(file.parts) > 4}
    for wanted in sorted({*map(PurePosixPath, WANTED), *(folder / "README.md" for folder in folders)}):
        if not tree.holds(wanted):
            yield f"{wanted} is missing"
    told = tree.text("README.md") if tree.holds(PurePosixPath("README.md")) else ""
    for folder in sorted({file.parts[0] for file in tree.files if len(file.parts) > 1 and file.parts[0][0] != "."}):
        if f"`{folder}/" not in told:
            yield f"README.md does not tell what lives in {folder}/"
