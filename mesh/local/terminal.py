"""The consoles of the command line: standard output and standard error."""

import sys

from rich.console import Console

PIPE_WIDTH = 200
"""Columns. Without it, piped output would be cut to 80."""

console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
error_console = Console(stderr=True)


def show_progress(text: str) -> None:
    """Print what a long command does now, to standard error: standard output has its result."""
    error_console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)
