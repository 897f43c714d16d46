"""Who may know what, by the name of a file: domain.py the rules alone, handlers.py no wire and no table."""

import ast
import re
import sys
from collections.abc import Iterator

from tests.tidy.contracts import nouns
from tests.tidy.tree import Source, Tree, root_of

WIRE = ("grpc", "grpc_status", "grpc_health", "grpc_reflection", "google", "shop")
"""gRPC, protobuf and the generated code."""
TABLES = ("sqlalchemy", "alembic", "aiosqlite", "psycopg", "sqlite3")

DOMAIN = ("domain.py", "errors.py", "progress.py")
"""The files of a service's domain: its rules and its exceptions."""

FORBIDDEN = {
    "handlers.py": (*WIRE, *TABLES),
    "saga.py": (*WIRE, *TABLES),
    "store.py": WIRE,
    "messages.py": TABLES,
    "requests.py": TABLES,
    "servicer.py": TABLES,
    "peers.py": TABLES,
}
"""File name → packages that it knows nothing of."""
INSTEAD = {
    "handlers.py": "messages.py speaks the wire's language, store.py the tables'",
    "saga.py": "peers.py calls, store.py keeps",
    "store.py": "messages.py turns what it stores into messages",
    "messages.py": "store.py queries",
    "requests.py": "store.py queries",
    "servicer.py": "store.py queries",
    "peers.py": "store.py queries",
}
CONTRACTS = ("peers.py", "events.py")
"""Who knows the contracts of other services: what is asked of them, and what they tell."""
ENVIRONMENT = ("os.environ", "os.environb", "os.getenv", "os.getenvb")
READS_ENVIRONMENT = "services/runtime/process.py"
NEIGHBOURS = "services meet over gRPC alone, in peers.py"
OURS = re.compile(r"(?<![\w.-])(services[./](\w*))")
UPWARDS = re.compile(r"__file__\)(?:\.\w+\(\))?\.(?:parent\.parent|parents)$|\bHERE\.(?:parent|parents)$")
OTHERS = ("order_by", "tcp_user_timeout")
"""SQLAlchemy's and libpq's names: no order of a customer's, and no user of ours."""


def layers(tree: Tree) -> list[str]:
    """Answer what imports or reads beyond its layer."""
    rules = (_domain, _forbidden, _neighbours, _by_name, _environment, _business)
    return [offence for source in tree.python("services") for rule in rules for offence in rule(source)]


def _service(source: Source) -> str:
    """Answer the service's name: the folder below services/."""
    return source.file.parts[1]


def _domain(source: Source) -> Iterator[str]:
    """Files of a domain import only the standard library and each other."""
    if source.file.name in DOMAIN and _service(source) != "runtime":
        own = tuple(f"services.{_service(source)}.{name.removesuffix('.py')}" for name in DOMAIN)
        for name, line in source.imports.items():
            if root_of(name) not in sys.stdlib_module_names and not name.startswith(own):
                yield f"{source.file}:{line} {name}: a domain imports the standard library alone; handlers.py joins it"


def _forbidden(source: Source) -> Iterator[str]:
    for name, line in source.imports.items():
        if root_of(name) in FORBIDDEN.get(source.file.name, ()) and _service(source) != "runtime":
            yield f"{source.file}:{line} {name}: {source.file.name} knows nothing of it; {INSTEAD[source.file.name]}"


def _neighbours(source: Source) -> Iterator[str]:
    """A service knows another by its contract alone, in peers.py and events.py; the runtime knows none."""
    service = _service(source)
    for name, line in source.imports.items():
        package, other = (*name.split("."), "")[:2]
        if package == "services" and other not in {service, "runtime"}:
            yield f"{source.file}:{line} {name}: {NEIGHBOURS}"
        if package in {"mesh", "tests", "tools"}:
            yield f"{source.file}:{line} {name}: a service runs without the mesh's tools and tests"
        if package == "shop" and other and service == "runtime":
            yield f"{source.file}:{line} {name}: the runtime knows no service's contract; it is given a `register`"
        foreign = package == "shop" and other not in {service, ""} and service != "runtime"
        if foreign and source.file.name not in CONTRACTS:
            yield f"{source.file}:{line} {name}: another service's contract is known to peers.py and events.py alone"


def _by_name(source: Source) -> Iterator[str]:
    """What is loaded, run (`-m services.catalog`) or opened by a name in a text, or on a way up from its own folder."""
    for line, text in source.texts:
        for name, other in OURS.findall(text):
            if other not in {_service(source), "runtime"}:
                yield f"{source.file}:{line} {name}: {NEIGHBOURS}"
        if "../" in text or text == "..":
            yield f"{source.file}:{line} {text}: a service opens what lies in its own folder; {NEIGHBOURS}"
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and UPWARDS.search(ast.unparse(node)):
            yield f"{source.file}:{node.lineno} .{node.attr}: a service opens what lies in its own folder; {NEIGHBOURS}"
        if isinstance(node, ast.Call) and source.name(node.func).endswith("import_module"):
            for word in node.args[:1]:
                if isinstance(word, ast.Constant) and str(word.value).startswith("."):
                    told = ast.unparse(word)
                    yield f"{source.file}:{node.lineno} {told}: write `import` for what is your own; {NEIGHBOURS}"


def _environment(source: Source) -> Iterator[str]:
    if str(source.file) == READS_ENVIRONMENT:
        return
    found = list(source.imports.items())
    found += [(source.name(node), node.lineno) for node in source.nodes if isinstance(node, ast.Attribute)]
    for name, line in found:
        if name in ENVIRONMENT:
            yield f"{source.file}:{line} {name}: `serve`, called in __main__.py, reads it; have the value given to you"


def _business(source: Source) -> Iterator[str]:
    """The runtime speaks of no business noun, in names or in texts; its docstrings may give examples."""
    if _service(source) != "runtime":
        return
    for node in source.nodes:
        if id(node) not in source.docstrings and (words := _words(node) & nouns()):
            line = getattr(node, "lineno", 0)
            yield f"{source.file}:{line} {', '.join(sorted(words))}: the runtime knows no business; a service does"


def _words(node: ast.AST) -> set[str]:
    """Answer the words of a name or a text, in lower case: those of `ProductStore.by_id` are product, store, by, id."""
    match node:
        case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text) | ast.Constant(value=str(text)):
            found = text
        case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text) | ast.ClassDef(name=text):
            found = text
        case _:
            return set()
    for name in OTHERS:
        found = found.replace(name, "")
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", found)}
