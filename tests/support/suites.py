"""The two suites, `make test` and `make prove`, and their parts.

A test is in `make test` unless it is marked `prove`. `make prove` runs the tests with this mark. So that its report is
complete, it also repeats all scenarios, all tests on PostgreSQL, and fuzzing with more requests.

Only tests with the mark `prove` may have the mark `timing`. Their result depends on the clock or on a rate, so a busy
machine may fail them, and they are tried up to three times. All other tests are tried once.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

RETRIES = 2
"""How often a test with the mark `timing` is tried again after a failure."""
PARTS = {
    "scenarios": r"tests/mesh/scenarios/",
    "chaos": r"tests/mesh/test_(chaos|recovery)",
    "lifecycle": r"tests/mesh/test_lifecycle",
    "documents": r"tests/[^:]*/test_(docs|readmes)",
    "node": r"tests/mesh/node/",
    "mesh": r"tests/mesh/",
    "crashes": r"tests/services/test_crashes",
    "fuzzing": r"tests/services/test_fuzz",
    "services, PostgreSQL": r"tests/services/.*(test_postgresql|\[postgresql[-\]])",
    "services, SQLite": r"tests/services/",
    "compatibility": r"tests/compatibility/",
    "contracts": r"tests/contracts/",
    "tidy": r"tests/tidy/",
    "support": r"tests/support/",
    "unit": r"tests/unit/",
}
"""Part → pattern at the start of a node id. The first match counts."""


def part_of(nodeid: str) -> str:
    """Return the part of a test."""
    return next((name for name, pattern in PARTS.items() if re.match(pattern, nodeid)), "other")


def mark(item: pytest.Item) -> None:
    """Mark a test with its folder, and with `scenarios` or `postgresql`, which `make prove` always runs."""
    item.add_marker(item.path.relative_to(TESTS).parts[0])
    if item.path.is_relative_to(TESTS / "mesh" / "scenarios"):
        item.add_marker("scenarios")
    if re.match(PARTS["services, PostgreSQL"], item.nodeid):
        item.add_marker("postgresql")


def allow_retries(items: Iterable[pytest.Item]) -> None:
    """Allow retries of tests with the mark `timing` only. Raises pytest.UsageError for other marks of retries."""
    for item in items:
        if item.get_closest_marker("flaky"):
            raise pytest.UsageError(f"{item.nodeid} is marked flaky: only tests with the mark timing are tried again")
        if item.get_closest_marker("timing"):
            if not item.get_closest_marker("prove"):
                raise pytest.UsageError(
                    f"{item.nodeid} is marked timing but not prove: tests in `make test` must not depend on the clock"
                )
            item.add_marker(pytest.mark.flaky(reruns=RETRIES))
