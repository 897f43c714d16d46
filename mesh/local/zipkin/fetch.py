"""Zipkin's files. `python -m mesh.local.zipkin.fetch` updates the lock file."""

import tempfile
import zipfile
from pathlib import Path

from rich.console import Console

from mesh.local import java
from mesh.local.java import training
from mesh.local.zipkin.server import PORT, ZIPKIN, command, environment

JAR = "io.zipkin:zipkin-server:jar:slim:3.5.1"
"""The server with its page, and without the databases that the local mesh does not use."""
CLASSES, LIBRARIES = "BOOT-INF/classes/", "BOOT-INF/lib/"


def fetch(console: Console) -> Path:
    """Fetch what is missing and return the folder of Zipkin. Raises MeshError."""
    return java.fetch(ZIPKIN, console, _train, _unpack)


def _unpack(folder: Path) -> None:
    """Replace the jar, which contains jars, by these: Java's ahead-of-time cache knows no nested ones."""
    [jar] = ZIPKIN.jars(folder / "repository")
    server = folder / "server"
    server.mkdir()
    with zipfile.ZipFile(jar) as nested, zipfile.ZipFile(server / "classes.jar", "w") as classes:
        for name in nested.namelist():
            if name.startswith(LIBRARIES) and name.endswith(".jar"):
                (server / Path(name).name).write_bytes(nested.read(name))
            elif name.startswith(CLASSES) and not name.endswith("/"):
                classes.writestr(name.removeprefix(CLASSES), nested.read(name))
    jar.unlink()


def _train() -> None:
    with tempfile.TemporaryDirectory() as folder:
        training.check_port(PORT)
        recording = command(training.HOST, [training.recording(ZIPKIN)])
        training.record(ZIPKIN, recording, Path(folder), environment(), PORT)


if __name__ == "__main__":
    java.relock(ZIPKIN, JAR, resolve=False)
