"""The two suites, `make test` and `make prove`, and their parts.

A test is in `make test` unless it is marked `prove`. `make prove` runs what is marked so, and again every scenario,
all that runs on PostgreSQL, and fuzzing with more requests, so that its report is whole.

Only what is marked `prove` may be marked `timing` too: it judges by the clock or by a rate, so a busy machine may fail
it, and it may be tried three times. No other test is tried again.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

RETRIES = 2
"""How often a test of timing may be tried again."""
PARTS = {
    "scenarios": r"tests/mesh/scenarios/",
    "chaos": r"tests/mesh/test_(chaos|recovery)",
    "lifecycle": r"tests/mesh/test_lifecycle",
    "documents": r"tests/[^:]*/test_(docs|readmes)",
    "mesh": r"tests/mesh/",
    "crashes": r"tests/services/test_crashes",
    "fuzzing": r"tests/services/test_fuzz",
    "services, PostgreSQL": r"tests/services/.*(test_postgresql|\[postgresql[-\]])",
    "services, SQLite": r"tests/services/",
    "compatibility": r"tests/compatibility/",
    "contracts": r"tests/contracts/",
    "tidy": r"tests/tidy/",
    "unit": r"tests/unit/",
}
"""Each part with what its tests' node ids begin with. The first that fits counts."""


def part_of(nodeid: str) -> str:
    """Return the part that a test belongs to."""
    return next((name for name, pattern in PARTS.items() if re.match(pattern, nodeid)), "other")


def mark(item: pytest.Item) -> None:
    """Mark a test with its folder, and if it is played by `make prove` in any case, with what makes it so."""
    item.add_marker(item.path.relative_to(TESTS).parts[0])
    if item.path.is_relative_to(TESTS / "mesh" / "scenarios"):
        item.add_marker("scenarios")
    if re.match(PARTS["services, PostgreSQL"], item.nodeid):
        item.add_marker("postgresql")


def allow_retries(items: Iterable[pytest.Item]) -> None:
    """Let tests of timing be tried again, and no others. Raises pytest.UsageError."""
    for item in items:
        if item.get_closest_marker("flaky"):
            raise pytest.UsageError(f"{item.nodeid} is marked flaky: only tests of timing are tried again")
        if item.get_closest_marker("timing"):
            if not item.get_closest_marker("prove"):
                raise pytest.UsageError(f"{item.nodeid} is marked timing and not prove: the clock decides nothing here")
            item.add_marker(pytest.mark.flaky(reruns=RETRIES))
