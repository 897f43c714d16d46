"""Finds out whether a program failed because it could not download."""

import re

REASON = re.compile(
    r"request to .* failed, reason: (?P<npm>.*)"
    r"|(?P<go>dial tcp.*)"
    r"|connection broken by .*(?P<pip>\[Errno -?\d+\][^')\"]*)"
)


def find_failure(output: str) -> str | None:
    """Return why npm, Go or pip could not download; None if their output names no such reason."""
    found = REASON.search(output)
    return found[found.lastgroup or 0].strip() if found else None
