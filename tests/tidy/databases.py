"""Each service uses its own database and its own tables, and no manifest gives it those of another.

services/ruff.toml bans drivers and engines. This law finds addresses of databases, tables, volumes and Secrets.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from tests.tidy.manifests import Manifest, parsed
from tests.tidy.tree import Source, Tree

OPEN = "`Runtime.database(versions)` opens the service's database"
CALL = "call the other service over gRPC, in peers.py"
OWN = "each service has its own database: use that of the workload"

ADDRESS = re.compile(r"\b(?:sqlite|postgres(?:ql)?)[+\w]*:|DATABASE_URL|\w\.db\b|(?i:\bATTACH\b|\bdblink\b|_fdw\b)")
STATEMENT = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|TRUNCATE|COPY)\b", re.IGNORECASE)
TABLE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO|TABLE|ON)\s+[\"`]?(?:\w+\.)?(\w+)", re.IGNORECASE)

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
NAME_KEYS = {
    **dict.fromkeys(["hostPath"], "path"),
    **dict.fromkeys(["persistentVolumeClaim"], "claimName"),
    **dict.fromkeys(["secret"], "secretName"),
    **dict.fromkeys(["secretRef", "secretKeyRef", "configMap", "configMapRef", "configMapKeyRef"], "name"),
}
"""What a manifest gives to a workload → the key of its name."""
EXCLUSIVE = ("hostPath", "persistentVolumeClaim", "DATABASE_URL")
"""What two workloads may never share."""


def addresses(tree: Tree) -> Iterator[str]:
    """Yield each string in a service that is an address of a database, or attaches one."""
    for source in _services(tree):
        for line, text in source.strings:
            if match := ADDRESS.search(text):
                yield f"{source.file}:{line} {match[0]}: {OPEN}"


def tables(tree: Tree) -> Iterator[str]:
    """Yield each use of a table that, by the migrations, belongs to another service."""
    owned = _owned_tables(tree)
    for source in _services(tree):
        own = owned[source.file.parts[1]]
        for line, name in _used_tables(source):
            if others := sorted(service for service in owned if name in owned[service] - own):
                yield f"{source.file}:{line} {name} is a table of {' and '.join(others)}: {CALL}"


def volumes_and_secrets(tree: Tree) -> Iterator[str]:
    """Yield each volume, Secret and URL that a manifest gives to the wrong workload, or to two."""
    services = set(tree.services())
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for file, owner, manifest in _workloads(tree):
        for what, name in _references(manifest):
            if others := sorted(services.intersection(re.split(r"[^a-z]+", name)) - {owner}):
                yield f"{file}: {owner or 'every workload'} gets {name}, which is {' and '.join(others)}'s: {OWN}"
            elif what in EXCLUSIVE and not owner:
                yield f"{file}: every workload gets {name}: {OWN}"
            elif what in EXCLUSIVE:
                holders[name].add(owner)
    for name in sorted(holders):
        # The holder of a folder also has the folders in it.
        owners = {owner for inner in holders if PurePosixPath(inner).is_relative_to(name) for owner in holders[inner]}
        if len(owners) > 1:
            yield f"{' and '.join(sorted(owners))} get {name}: {OWN}"


def _services(tree: Tree) -> Iterator[Source]:
    return (source for source in tree.python("services") if source.file.parts[1] not in {"runtime", "__init__.py"})


def _owned_tables(tree: Tree) -> Mapping[str, set[str]]:
    """Return the tables that the migrations of each service create."""
    owned: defaultdict[str, set[str]] = defaultdict(set)
    for source in _services(tree):
        if "migrations" in source.file.parts:
            for _, function, words in _calls(source):
                if function in {"create_table", "rename_table"}:
                    owned[source.file.parts[1]].add(words[function == "rename_table"])
    return owned


def _used_tables(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (line, table) for the arguments of SQLAlchemy and Alembic, and for SQL."""
    for line, function, words in _calls(source):
        if function in {"Table", "table", "create_table", "drop_table", "add_column", "drop_column", "alter_column"}:
            yield line, words[0]
        elif function in {"ForeignKey", "ForeignKeyConstraint"}:
            yield from ((line, word.split(".")[-2]) for word in words if "." in word)
        elif function in {"create_index", "drop_index"}:
            yield from ((line, word) for word in words[1:2])
    for line, text in source.strings:
        if STATEMENT.match(text):
            yield from ((line, name) for name in TABLE.findall(text))


def _calls(source: Source) -> Iterator[tuple[int, str, list[str]]]:
    """Yield (line, function without its module, string arguments) for each call that has string arguments."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            flat = [each for word in node.args for each in (word.elts if isinstance(word, ast.List) else [word])]
            words = [each.value for each in flat if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if words:
                yield node.lineno, source.full_name(node.func).rpartition(".")[2], words


def _workloads(tree: Tree) -> Iterator[tuple[str, str, Any]]:
    """Yield (file, workload, content) for each workload and each patch of one; "" stands for all workloads."""
    kustomizations = list(tree.under("mesh/kubernetes", suffix="kustomization.yaml"))
    patches = [
        (file, patch)
        for file in kustomizations
        for manifest in parsed(tree.text(file))
        for patch in manifest.get("patches", [])
    ]
    targets = {str(file.parent / patch["path"]): patch.get("target") for file, patch in patches if "path" in patch}
    for file in tree.under("mesh/kubernetes", suffix=".yaml"):
        for manifest in parsed(tree.text(file)) if file not in kustomizations else []:
            if manifest["kind"] in WORKLOADS:
                yield str(file), _name(targets.get(str(file)) or manifest["metadata"]), manifest
    for file, patch in patches:
        if "patch" in patch and patch.get("target", {}).get("kind") in WORKLOADS:
            yield str(file), _name(patch["target"]), parsed(patch["patch"])


def _name(metadata: Manifest) -> str:
    name = str(metadata.get("name", ""))
    return "" if name.startswith("every-") else name


def _references(part: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # any part of a manifest
    """Yield (kind of thing, name) for each volume, Secret and ConfigMap, and for DATABASE_URL."""
    if isinstance(part, list):
        for each in part:
            yield from _references(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in NAME_KEYS and isinstance(value, dict) and NAME_KEYS[key] in value:
                yield key, str(value[NAME_KEYS[key]])
            yield from _references(value)
        if part.get("name") == "DATABASE_URL":
            secret = (part.get("valueFrom") or {}).get("secretKeyRef")
            yield "DATABASE_URL", f"{secret['name']}/{secret['key']}" if secret else str(part.get("value", ""))
