"""Runs Google's API linter on the contracts, and compares what it finds with exceptions.yaml.

It builds the linter, in less than a minute the first time. It ends with 1 if the two differ.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from rich.console import Console

from mesh.local.errors import MeshError
from mesh.local.tools import go_toolchain
from mesh.local.tools.build import find_go

FOLDER, ROOT = Path(__file__).parent, Path(__file__).parents[2]
EXCEPTIONS = FOLDER / "exceptions.yaml"
TIMEOUT_SECONDS = 900

Found = dict[str, set[str]]
"""The elements that break a rule, by rule."""


def lint(contracts: Path) -> Found:
    """Return what the linter finds in a folder with .proto files. Raises MeshError."""
    environment = dict(go_toolchain.environment())
    _run([find_go(Console(stderr=True)), "build", "-o", "dist/", "tool"], FOLDER, environment)
    with tempfile.TemporaryDirectory() as scratch:
        image = Path(scratch) / "contracts.binpb"
        buf: list[str | Path] = [
            ROOT / ".venv/bin/buf",
            "build",
            contracts,
            "--as-file-descriptor-set",
            "--output",
            image,
        ]
        _run(buf, contracts.parent, environment)
        files = {file.name: file for file in FileDescriptorSet.FromString(image.read_bytes()).file}
        names = sorted(str(path.relative_to(contracts)) for path in contracts.rglob("*.proto"))
        options: list[str | Path] = ["--descriptor-set-in", image, "-I", contracts, "--output-format", "json"]
        report = json.loads(_run([FOLDER / "dist/api-linter", *options, *names], contracts, environment))
    found: Found = {}
    for file in report:
        for problem in file["problems"]:
            line = problem["location"]["start_position"]["line_number"]
            element = element_at(files[file["file_path"]], line)
            found.setdefault(problem["rule_id"].removeprefix("core::"), set()).add(element)
    return found


def element_at(file: FileDescriptorProto, line: int) -> str:
    """Return the full name of the innermost element at a line, or the file's name."""
    # A span is [line, column, column] or [line, column, last line, column], each from 0.
    locations = file.source_code_info.location
    spans = {(*each.path,): (each.span[0] + 1, each.span[2 if each.span[3:] else 0] + 1) for each in locations}
    around = [name for name, path in _elements(file) if spans[path][0] <= line <= spans[path][1]]
    return around[-1] if around else file.name


def exceptions() -> Found:
    """Return the accepted findings."""
    found: Found = {}
    for each in yaml.safe_load(EXCEPTIONS.read_text(encoding="utf-8")):
        found.setdefault(each["rule"], set()).update(each["elements"])
    return found


def differences(found: Mapping[str, set[str]], accepted: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the findings that are not accepted, and the accepted ones that are not found."""
    for rule in sorted({*found, *accepted}):
        new, stale = (
            one.get(rule, set()) - other.get(rule, set()) for one, other in ((found, accepted), (accepted, found))
        )
        yield from (f"{name}: {rule}: mend it, or add it to {EXCEPTIONS.name} with a reason" for name in sorted(new))
        yield from (f"{name}: {rule}: not found: remove it from {EXCEPTIONS.name}" for name in sorted(stale))


def _elements(file: FileDescriptorProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the messages, fields, services and methods of a file, outer ones first: the full name and the path."""
    pending: list[tuple[str, DescriptorProto, tuple[int, ...]]] = []
    pending += [(f"{file.package}.{each.name}", each, (4, index)) for index, each in enumerate(file.message_type)]
    while pending:
        name, message, path = pending.pop(0)
        yield name, path
        yield from ((f"{name}.{each.name}", (*path, 2, index)) for index, each in enumerate(message.field))
        pending += [(f"{name}.{each.name}", each, (*path, 3, index)) for index, each in enumerate(message.nested_type)]
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield name, (6, index)
        yield from ((f"{name}/{each.name}", (6, index, 2, number)) for number, each in enumerate(service.method))


def _run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> str:
    run = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    if run.returncode:
        raise MeshError(f"{Path(command[0]).name} failed: {(run.stderr or run.stdout).strip()}")
    return run.stdout


def main() -> int:
    """Print the differences. Return the exit code."""
    try:
        lines = list(differences(lint(ROOT / "proto"), exceptions()))
    except MeshError as error:
        print(f"api-linter: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines) or f"no findings besides those in {EXCEPTIONS.relative_to(ROOT)}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
