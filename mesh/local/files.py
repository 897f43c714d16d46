"""Files that a crash leaves either as they were or as they should be, never cut short."""

from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write a text file in one step: another process sees the old content or the new one."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.rename(path)
