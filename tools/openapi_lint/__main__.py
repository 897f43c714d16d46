"""Checks OpenAPI documents with openapi-spec-validator and with Redocly CLI, which it installs if it is missing.

python -m tools.openapi_lint <file>…

It prints `file: where: what` for each fault, and ends with 1 if there is one.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing.exceptions import Unresolvable

FOLDER = Path(__file__).parent
BIN = Path(sys.prefix) / "bin"
REDOCLY = FOLDER / "node_modules/@redocly/cli/bin/cli.js"
INSTALLED = FOLDER / "node_modules/.package-lock.json"
"""What npm has installed."""
TIMEOUT_SECONDS = 300
Command = list[str | Path]


class LintError(Exception):
    """A validator cannot run. The text says why."""


def faults(file: Path) -> Iterator[str]:
    """Yield what the validators find in a document. Raises LintError."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LintError(f"{file}: cannot read it as JSON: {error}") from error
    try:
        for fault in OpenAPIV31SpecValidator(document).iter_errors():
            yield f"{file}: {'/'.join(map(str, fault.path)) or '/'}: {fault.message} (openapi-spec-validator)"
    except Unresolvable as error:
        yield f"{file}: {error.ref}: nothing is there (openapi-spec-validator)"
    for problem in redocly(file):
        where = problem["location"][0].get("pointer", "#/").removeprefix("#/")
        yield f"{file}: {where}: {problem['message']} ({problem['ruleId']} of Redocly)"


def redocly(file: Path) -> list[dict[str, Any]]:
    """Return the problems that Redocly finds, as it reports them. Raises LintError."""
    install()
    command: Command = [
        BIN / "node",
        REDOCLY,
        "lint",
        "--format=json",
        f"--config={FOLDER / 'redocly.yaml'}",
        file.resolve(),
    ]
    # Both would need the network.
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    run = _run(command, os.environ | quiet)
    try:
        problems: list[dict[str, Any]] = json.loads(run.stdout)["problems"]
    except (ValueError, KeyError) as error:
        raise LintError(f"Redocly failed: {run.stderr.strip()}") from error
    return problems


def install() -> None:
    """Install Redocly CLI from package-lock.json if it is missing or another version. Raises LintError."""
    with (FOLDER / "package.json").open() as lock:
        # Two tests may come here at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        locked = FOLDER / "package-lock.json"
        if INSTALLED.exists() and INSTALLED.stat().st_mtime >= locked.stat().st_mtime:
            return
        # npm starts the `node` on PATH. Like pip, it trusts the certificates of the system.
        path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        command: Command = [BIN / "npm", "ci", "--prefer-offline", "--fetch-retries=1", "--loglevel=error"]
        run = _run(command, os.environ | {"PATH": path, "NODE_USE_SYSTEM_CA": "1"})
        if run.returncode:
            raise LintError(f"npm cannot install Redocly CLI: {' '.join((run.stderr or run.stdout).split())}")


def _run(command: Command, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=FOLDER,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


def main(files: list[str]) -> int:
    """Print the faults of the documents. Return the exit code."""
    try:
        found = [fault for file in files for fault in faults(Path(file))]
    except LintError as error:
        print(f"openapi: {error}", file=sys.stderr)
        return 2
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
