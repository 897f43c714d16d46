"""What every test shares: its marker, which is the folder that it stands in, and where it notes what it measured."""

from collections.abc import Callable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MEASURED = pytest.StashKey[list[str]]()

Measured = Callable[[str], None]
"""Notes a figure, which is shown at the end of the run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder under tests/, so that `pytest -m unit` runs what stands in tests/unit."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Measured:
    """Note a figure; all of them stand at the end of the run's output."""
    return request.config.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures that tests measured."""
    if figures := config.stash.get(MEASURED, []):
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.line(figure)
