"""Runs one of the tools and reports its failure as a MeshError."""

import subprocess
from collections.abc import Mapping, Sequence
from itertools import dropwhile
from pathlib import Path

from mesh.local.errors import MeshError

MAX_OUTPUT_IN_ERROR = 2000
"""Characters."""


def run(  # noqa: PLR0913  # the options of a process
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout_seconds: float = 120,
    ignore_ctrl_c: bool = False,
    folder: Path | None = None,
) -> str:
    """Run a command and return its standard output.

    With `ignore_ctrl_c` a Ctrl-C in the terminal does not reach the command.

    Raises:
        MeshError: it failed, or did not end in time. The error has the command's own message.
    """
    program, *words = Path(command[0]).name, *dropwhile(lambda word: word.startswith("-"), command[1:])
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env=env,
            check=False,
            start_new_session=ignore_ctrl_c,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise MeshError(
            f"{program} {words[0]} did not end within {timeout_seconds:.0f} s", fix="see `mesh status`, then try again"
        ) from None
    except OSError as error:
        raise MeshError(f"{program} cannot be run", why=str(error)) from None
    if done.returncode:
        message = (done.stderr or done.stdout).strip()[-MAX_OUTPUT_IN_ERROR:]
        raise MeshError(f"{program} {' '.join(words[:3])} failed", why=message)
    return done.stdout
