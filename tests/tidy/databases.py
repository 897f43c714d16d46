"""Each service opens its own database and names its own tables; no manifest gives it another's."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from tests.tidy.manifests import Manifest, parsed
from tests.tidy.tree import Source, Tree, root_of

OPEN = "`Runtime.database(versions)` opens the service's own database, which the environment names"
ASK = "what another service knows is asked of it over gRPC, in peers.py"
OWN = "each service has a database of its own: name what is the workload's"

DRIVERS = ("sqlite3", "aiosqlite", "psycopg", "psycopg2", "psycopg_pool", "asyncpg", "pg8000")
ENGINES = (
    "sqlalchemy.URL",
    "sqlalchemy.create_engine",
    "sqlalchemy.engine_from_config",
    "sqlalchemy.make_url",
    "sqlalchemy.ext.asyncio.async_engine_from_config",
    "sqlalchemy.ext.asyncio.create_async_engine",
    "services.runtime.storage.database.open_database",
    "services.runtime.storage.postgresql.PostgreSQL",
    "services.runtime.storage.sqlite.SQLite",
)
ADDRESS = re.compile(r"\b(?:sqlite|postgres(?:ql)?)[+\w]*:|DATABASE_URL|\w\.db\b|(?i:\bATTACH\b|\bdblink\b|_fdw\b)")
STATEMENT = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|TRUNCATE|COPY)\b", re.IGNORECASE)
NAMED = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO|TABLE|ON)\s+[\"`]?(?:\w+\.)?(\w+)", re.IGNORECASE)

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
KEEPS = {
    **dict.fromkeys(["hostPath"], "path"),
    **dict.fromkeys(["persistentVolumeClaim"], "claimName"),
    **dict.fromkeys(["secret"], "secretName"),
    **dict.fromkeys(["secretRef", "secretKeyRef", "configMap", "configMapRef", "configMapKeyRef"], "name"),
}
"""What a workload is given, by its key in the manifest → the key of its name."""
ALONE = ("hostPath", "persistentVolumeClaim", "DATABASE_URL")
"""What two workloads may not have in common, whatever its name is."""


def opened(tree: Tree) -> Iterator[str]:
    """Answer where a service opens a database itself, or says where one is."""
    for source in _services(tree):
        for name, line in [*source.imports.items(), *_attributes(source)]:
            if root_of(name) in DRIVERS or name in ENGINES:
                yield f"{source.file}:{line} {name}: {OPEN}"
        for line, text in source.texts:
            if found := ADDRESS.search(text):
                yield f"{source.file}:{line} {found[0]}: {OPEN}"


def tables(tree: Tree) -> Iterator[str]:
    """Answer where a service names a table that is another's, by its migrations."""
    owned = _owned(tree)
    for source in _services(tree):
        mine = owned[source.file.parts[1]]
        for line, name in _tables(source):
            if others := sorted(service for service in owned if name in owned[service] - mine):
                yield f"{source.file}:{line} {name} is a table of {' and '.join(others)}: {ASK}"


def given(tree: Tree) -> Iterator[str]:
    """Answer the workloads that are given what is another's, or what another is given too."""
    services = {file.parts[1] for file in tree.under("services", suffix="__main__.py")}
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for file, owner, manifest in _workloads(tree):
        for kind, name in _kept(manifest):
            if others := sorted(services.intersection(re.split(r"[^a-z]+", name)) - {owner}):
                yield f"{file}: {owner or 'every workload'} is given {name}, which is {' and '.join(others)}'s: {OWN}"
            elif kind in ALONE and not owner:
                yield f"{file}: every workload is given {name}: {OWN}"
            elif kind in ALONE:
                holders[name].add(owner)
    for name in sorted(holders):
        # Who has a folder has what lies in it.
        owners = {owner for inner in holders if PurePosixPath(inner).is_relative_to(name) for owner in holders[inner]}
        if len(owners) > 1:
            yield f"{' and '.join(sorted(owners))} are given {name}: {OWN}"


def _services(tree: Tree) -> Iterator[Source]:
    return (source for source in tree.python("services") if source.file.parts[1] not in {"runtime", "__init__.py"})


def _attributes(source: Source) -> Iterator[tuple[str, int]]:
    return ((source.name(node), node.lineno) for node in source.nodes if isinstance(node, ast.Attribute))


def _owned(tree: Tree) -> Mapping[str, set[str]]:
    """Answer the tables that each service's migrations make."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for source in _services(tree):
        if "migrations" in source.file.parts:
            for _, operation, words in _calls(source):
                if operation == "create_table":
                    found[source.file.parts[1]].add(words[0])
                elif operation == "rename_table":
                    found[source.file.parts[1]].add(words[1])
    return found


def _tables(source: Source) -> Iterator[tuple[int, str]]:
    """Answer the tables that a file names: to SQLAlchemy, to Alembic, and in SQL."""
    for line, call, words in _calls(source):
        if call in {"Table", "table", "create_table", "drop_table", "add_column", "drop_column", "alter_column"}:
            yield line, words[0]
        elif call in {"ForeignKey", "ForeignKeyConstraint"}:
            yield from ((line, word.split(".")[-2]) for word in words if "." in word)
        elif call in {"create_index", "drop_index"}:
            yield from ((line, word) for word in words[1:2])
    for line, text in source.texts:
        if STATEMENT.match(text):
            yield from ((line, name) for name in NAMED.findall(text))


def _calls(source: Source) -> Iterator[tuple[int, str, list[str]]]:
    """Answer (line, last part of the name, the texts that stand first) of each call that has such."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name | ast.Attribute):
            flat = [each for word in node.args for each in (word.elts if isinstance(word, ast.List) else [word])]
            words = [each.value for each in flat if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if words:
                yield node.lineno, source.name(node.func).rpartition(".")[2], words


def _workloads(tree: Tree) -> Iterator[tuple[str, str, Any]]:
    """Answer (file, whose it is, content) of each workload and each patch of one; "" is every workload's."""
    kustomizations = list(tree.under("mesh/kubernetes", suffix="kustomization.yaml"))
    patches = [
        (file, patch)
        for file in kustomizations
        for each in parsed(tree.text(file))
        for patch in each.get("patches", [])
    ]
    targeted = {
        str(file.parent / patch["path"]): patch["target"] for file, patch in patches if {"path", "target"} <= {*patch}
    }
    for file in tree.under("mesh/kubernetes", suffix=".yaml"):
        for manifest in parsed(tree.text(file)) if file not in kustomizations else []:
            if manifest["kind"] in WORKLOADS:
                target = targeted.get(str(file))
                yield str(file), _owner(manifest["metadata"] if target is None else target), manifest
    for file, patch in patches:
        if "patch" in patch and patch.get("target", {}).get("kind") in WORKLOADS:
            yield str(file), _owner(patch["target"]), parsed(patch["patch"])


def _owner(named: Manifest) -> str:
    name = str(named.get("name", ""))
    return "" if name.startswith("every-") else name


def _kept(part: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # any part of a manifest
    """Answer (kind, name) of all that a workload is given to keep data in or to open them with."""
    if isinstance(part, list):
        for each in part:
            yield from _kept(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in KEEPS and isinstance(value, dict) and KEEPS[key] in value:
                yield key, str(value[KEEPS[key]])
            yield from _kept(value)
        if part.get("name") == "DATABASE_URL":
            secret = (part.get("valueFrom") or {}).get("secretKeyRef")
            yield "DATABASE_URL", f"{secret['name']}/{secret['key']}" if secret else str(part.get("value", ""))
