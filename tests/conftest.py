"""What every test shares: its marker, which is the folder that it stands in."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder under tests/, so that `pytest -m unit` runs what stands in tests/unit."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])
