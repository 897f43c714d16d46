"""Fixtures that several suites use. Each imports them into its conftest.py."""

from collections.abc import Iterator

import pytest

from tests.support.kafka import Broker, UnavailableError


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start the Kafka that all tests share."""
    try:
        started = Broker(tmp_path_factory.mktemp("kafka"))
    except UnavailableError as error:
        pytest.skip(f"Kafka is not available: {error}")
    yield started
    started.stop()
