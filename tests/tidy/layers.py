"""What a file in services/ and mesh/local/ may import and open, by its name and folder. Their ruff.toml ban more."""

import ast
import re
import sys
from collections.abc import Iterator

from tests.support.contracts import nouns
from tests.tidy.tree import Source, Tree

WIRE = ("grpc", "grpc_status", "grpc_health", "grpc_reflection", "google", "shop")
"""gRPC, protobuf and the generated code."""
DOMAIN = ("domain.py", "errors.py", "progress.py")
"""The files of the domain of a service: its rules and its exceptions."""
DATABASE = ("sqlalchemy", "alembic", "aiosqlite", "psycopg", "sqlite3")
FORBIDDEN = {
    "handlers.py": ((*WIRE, *DATABASE), "messages.py converts messages, store.py queries"),
    "saga.py": ((*WIRE, *DATABASE), "peers.py calls, store.py stores"),
    "store.py": (WIRE, "messages.py converts rows to messages"),
    "messages.py": (DATABASE, "store.py queries"),
    "requests.py": (DATABASE, "store.py queries"),
    "servicer.py": (DATABASE, "store.py queries"),
    "peers.py": (DATABASE, "store.py queries"),
}
"""File name → packages that it may not import, and what to use instead."""
OTHER_CONTRACTS = ("peers.py", "events.py")
"""The files that may import contracts of other services: one calls their methods, one consumes their events."""
RUNTIME_PACKAGES = ("rpc", "storage", "events", "http", "metrics")
SEPARATE = "services call each other over gRPC only, in peers.py"
OWN_FOLDER = f"a service opens files in its own folder only; {SEPARATE}"
REFERENCE = re.compile(r"(?<![\w.-])(services[./](\w*))")
UPWARDS = re.compile(r"__file__\)(?:\.\w+\(\))?\.(?:parent\.parent|parents)$|\bHERE\.(?:parent|parents)$")
FOREIGN_WORDS = ("order_by", "tcp_user_timeout")
"""Words of SQLAlchemy and libpq; `order` and `user` in them are not those of the business."""


def layers(tree: Tree) -> Iterator[str]:
    """Yield each import, reference and name that the layer of its file forbids."""
    for source in tree.python("services"):
        for line, text in (*_imports(source), *_references(source), *_business_nouns(source)):
            yield f"{source.file}:{line} {text}"
    for source in tree.python("mesh/local"):
        for line, text in _local_imports(source):
            yield f"{source.file}:{line} {text}"


def _imports(source: Source) -> Iterator[tuple[int, str]]:
    service, file = source.file.parts[1], source.file.name
    domain = tuple(f"services.{service}.{name.removesuffix('.py')}" for name in DOMAIN)
    packages, instead = FORBIDDEN.get(file, ((), ""))
    for name, line in source.imports.items():
        package, other, *_ = *name.split("."), "", ""
        is_standard = package in sys.stdlib_module_names or name.startswith(domain)
        if file in DOMAIN and service != "runtime" and not is_standard:
            yield line, f"{name}: a domain imports the standard library only; handlers.py connects it"
        if package in packages and service != "runtime":
            yield line, f"{name}: {file} may not import it; {instead}"
        if package == "services" and other not in {service, "runtime"}:
            yield line, f"{name}: {SEPARATE}"
        if package == "shop" and other and service == "runtime":
            yield line, f"{name}: the runtime imports no contract; a service passes it a `register` function"
        if package == "shop" and other not in {service, ""} and service != "runtime" and file not in OTHER_CONTRACTS:
            yield line, f"{name}: only peers.py and events.py import the contracts of other services"
        if service != "runtime" and name.startswith("services.runtime.") and not _is_public(name):
            yield line, f"{name}: import it from the package, services.runtime or its {', '.join(RUNTIME_PACKAGES)}"


def _is_public(name: str) -> bool:
    """Return whether a name of the runtime is one of a package, not of a module inside it."""
    path = name.split(".")[2:]
    return len(path) == 1 or (path[0] in RUNTIME_PACKAGES and len(path) == len(("package", "name")))


def _local_imports(source: Source) -> Iterator[tuple[int, str]]:
    part = source.file.parts[2]
    for name, line in source.imports.items():
        if part == "commands" and name.startswith("mesh.local.commands"):
            yield (
                line,
                f"{name}: a command imports no other command; move what they share to a package beside commands/",
            )
        if part != "agent" and name.startswith("mesh.local.agent"):
            yield line, f"{name}: the node agent is a separate process; move what is shared to a package beside agent/"


def _references(source: Source) -> Iterator[tuple[int, str]]:
    """Yield each reference to another service that is no import: module names and paths, and ways up the folders."""
    for line, text in source.strings:
        for name, other in REFERENCE.findall(text):
            if other not in {source.file.parts[1], "runtime"}:
                yield line, f"{name}: {SEPARATE}"
        if "../" in text or text == "..":
            yield line, f"{text}: {OWN_FOLDER}"
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and UPWARDS.search(ast.unparse(node)):
            yield node.lineno, f".{node.attr}: {OWN_FOLDER}"
        if isinstance(node, ast.Call) and source.full_name(node.func).endswith("import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and str(argument.value).startswith("."):
                    yield node.lineno, f"{argument.value!s}: use `import` for modules of the service; {SEPARATE}"


def _business_nouns(source: Source) -> Iterator[tuple[int, str]]:
    """Yield each noun of the business in the names and strings of the runtime. Its docstrings may have examples."""
    for node in source.nodes if source.file.parts[1] == "runtime" else []:
        if id(node) not in source.docstrings and (words := _words(node) & nouns()):
            line = getattr(node, "lineno", 0)
            yield line, f"{', '.join(sorted(words))}: the runtime is independent of the business; move it to a service"


def _words(node: ast.AST) -> set[str]:
    """Return the words of a name or string in lower case: product, store, by, id for `ProductStore.by_id`."""
    match node:
        case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text) | ast.Constant(value=str(text)):
            pass
        case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text) | ast.ClassDef(name=text):
            pass
        case _:
            return set()
    for name in FOREIGN_WORDS:
        text = text.replace(name, "")
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", text)}
