"""Builds a client of the shop from the contracts, with its packages and its example. See clients/README.md.

python -m tools.clients typescript|go|python
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from mesh.local.errors import MeshError
from mesh.local.tools.build import find_go
from mesh.local.tools.steps import Step, npm_packages

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv/bin"
TYPESCRIPT, GO, PYTHON = (ROOT / "clients" / name for name in ("typescript", "go", "python"))


def typescript() -> Iterator[Step]:
    """Yield the steps of the TypeScript client: node_modules/, gen/, and a check of all types."""
    yield npm_packages(TYPESCRIPT)
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


def main(arguments: list[str]) -> int:
    """Build the clients that are named. Return the exit code."""
    try:
        for name in arguments:
            for step in CLIENTS[name]():
                seconds = step.run()
                print(f"✓ {step.makes} {seconds:.1f} s", flush=True)
    except MeshError as error:
        print(": ".join(filter(None, (error.what, error.why, error.fix))), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
