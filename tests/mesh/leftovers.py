"""Finds what a stopped mesh has left on the machine: processes, ports, sockets; and files that others can read."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from mesh.local.instance import MAX_PODS, Instance
from tests.mesh.harness import Mesh


def find_leftovers(instance: Instance) -> list[str]:
    """Return a line for each process, listening port and Unix socket of an instance, and each command that uses it."""
    mesh = Mesh(instance.name, {"MESH_HOME": str(instance.home)})
    processes = [f"process {pid} in {instance.home}" for pid in mesh.process_ids()]
    return [*processes, *_commands(instance), *_ports(instance), *_sockets(instance.home)]


def _commands(instance: Instance) -> Iterator[str]:
    """Yield the commands with its kubeconfig, for example a kubectl that an interrupted `mesh up` had started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("KUBECONFIG") == str(instance.kubeconfig):
                yield f"process {process.pid}: {process.name()}"


def _ports(instance: Instance) -> Iterator[str]:
    admin = range(instance.admin_port(0), instance.admin_port(MAX_PODS))
    for connection in psutil.net_connections("inet"):
        if connection.laddr and connection.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}:
            host, port = connection.laddr
            if host.startswith(f"{instance.prefix}.") or (host == "127.0.0.1" and port in admin):
                yield f"port {port} on {host}"


def _sockets(home: Path) -> Iterator[str]:
    yield from (f"socket {path}" for path in _paths(home) if path.is_socket())


def _paths(home: Path) -> Iterator[Path]:
    """Yield all files and sockets. Folders that a running mesh deletes meanwhile are skipped."""
    for folder, _, names in os.walk(home):
        yield from (Path(folder, name) for name in names)


def readable_secrets(home: Path) -> list[str]:
    """Return each file in a folder that contains a key, token or password and that other users can access.

    Files of volumes have the modes of their manifests, in a private folder.
    """
    volumes = [folder for folder in home.glob("pods/*/volumes") if not folder.stat().st_mode & 0o077]
    secrets = [b"PRIVATE KEY-----", b"eyJhbGciOi"]  # PEM, and the start of every signed JWT
    tokens = next(path for path in _paths(home) if path.name == "tokens.csv")
    secrets += [line.split(b",")[0] for line in tokens.read_bytes().splitlines()]
    secrets += [json.loads(user.read_bytes())["password"].encode() for user in home.glob("user-*.json")]
    return [
        f"{path} {path.stat().st_mode & 0o777:o}"
        for path in _paths(home)
        if not any(path.is_relative_to(folder) for folder in volumes)
        if path.is_file() and _is_exposed(path, secrets)
    ]


def _is_exposed(path: Path, secrets: list[bytes]) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077) and any(secret in path.read_bytes() for secret in secrets)
    except FileNotFoundError:
        return False  # the running mesh has just deleted it
