"""Builds a client of the shop from the contracts, with its packages and its example. See clients/README.md.

python -m tools.clients typescript|go|python
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mesh.local.errors import MeshError
from mesh.local.tools import go_toolchain
from mesh.local.tools.build import find_go
from mesh.local.tools.downloads import find_failure

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv/bin"
TYPESCRIPT, GO, PYTHON = (ROOT / "clients" / name for name in ("typescript", "go", "python"))
STEP_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Step:
    """A command and what it makes."""

    makes: str
    command: list[str | Path]
    folder: Path = ROOT


def typescript() -> Iterator[Step]:
    """Yield the steps of the TypeScript client: node_modules/, gen/, and a check of all types."""
    # After the first time, the packages come from npm's cache.
    npm = ["ci", "--prefer-offline", "--no-fund", "--no-audit", "--fetch-retries=1"]
    npm += ["--fetch-retry-mintimeout=1000", "--loglevel=error"]
    yield Step("packages", [BIN / "npm", *npm], TYPESCRIPT)
    yield _generate(TYPESCRIPT)
    yield Step("types", [BIN / "node", "node_modules/typescript/bin/tsc"], TYPESCRIPT)


def go() -> Iterator[Step]:
    """Yield the steps of the Go client: dist/ with its generators and the example, and gen/."""
    command = find_go(Console(stderr=True))
    yield Step("generators", [command, "build", "-o", "dist/", "tool"], GO)
    yield _generate(GO)
    yield Step("example", [command, "build", "-o", "dist/", "./..."], GO)


def python() -> Iterator[Step]:
    """Yield the steps of the Python client: a wheel in dist/, .venv/ with it, and a check of the example's types."""
    python = PYTHON / ".venv/bin/python"
    pip: list[str | Path] = [BIN / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "--retries", "1"]
    install: list[str | Path] = [*pip, "--python", python, "install"]
    shutil.rmtree(PYTHON / "dist", ignore_errors=True)
    yield Step("wheel", [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", PYTHON / "dist", "./proto"])
    yield Step("environment", [BIN / "python", "-m", "venv", "--clear", "--without-pip", PYTHON / ".venv"])
    yield Step("packages", [*install, "--require-hashes", "-r", PYTHON / "requirements.lock"])
    yield Step("contracts", [*install, "--no-deps", "--no-index", *(PYTHON / "dist").glob("*.whl")])
    yield Step("types", [BIN / "mypy", "--python-executable", python, "example.py"], PYTHON)


CLIENTS = {"typescript": typescript, "go": go, "python": python}


def _generate(client: Path) -> Step:
    return Step("code of the contracts", [BIN / "buf", "generate", "--template", client / "buf.gen.yaml"])


def _environment() -> Mapping[str, str]:
    # npm starts the `node` on PATH. Like pip and Go, it trusts the certificates of the system.
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return go_toolchain.environment() | {"PATH": path, "NODE_USE_SYSTEM_CA": "1"}


def _run(step: Step) -> None:
    """Run a step. Raise MeshError if it fails."""
    started, program = time.monotonic(), Path(step.command[0]).name
    try:
        run = subprocess.run(
            step.command,
            cwd=step.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=STEP_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise MeshError(f"{program} did not end within {STEP_TIMEOUT_SECONDS} s ({step.makes})") from None
    if run.returncode:
        if reason := find_failure(run.stdout):
            raise MeshError(f"could not download the {step.makes}", why=reason, fix="check the network and its proxy")
        raise MeshError(f"could not build the {step.makes}: {program} failed\n{run.stdout.strip()}")
    print(f"✓ {step.makes} {time.monotonic() - started:.1f} s", flush=True)


def main(arguments: list[str]) -> int:
    """Build the clients that are named. Return the exit code."""
    try:
        for name in arguments:
            for step in CLIENTS[name]():
                _run(step)
    except MeshError as error:
        print(": ".join(filter(None, (error.what, error.why, error.fix))), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
