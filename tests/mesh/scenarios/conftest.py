"""Fixtures for the tests of scenarios."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.support.report import notes

QUICK = ("test_canary_by_weight", "test_circuit_breaker", "test_fault_abort", "test_outlier_ejection")
"""The scenarios in `make test`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all other scenarios `prove`."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder) and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.prove)


@pytest.fixture
def scenario(request: pytest.FixtureRequest, mesh: Mesh, tmp_path: Path) -> Scenario:
    """Return the scenario with the name of the test file: fault-abort for test_fault_abort.py."""
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    scratch = tmp_path / name
    scratch.mkdir()
    return Scenario(name, mesh, scratch, notes(request.config, "scenarios").append)


@pytest.fixture
def agent() -> str:
    """Return a unique user agent, which identifies the calls of this test in access logs."""
    return f"scenario/{uuid.uuid4()}"


@pytest.fixture
async def read_product(mesh: Mesh, agent: str) -> AsyncIterator[ReadProduct]:
    """Yield a function that reads a product through the gateway, with a value for the header x-fault."""
    async with dial(mesh.gateway, user_agent=agent) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)

        async def read(mark: str, timeout: float = 10) -> catalog_pb2.GetProductResponse:  # noqa: ASYNC109  # of the call
            request = catalog_pb2.GetProductRequest(name="products/p-0001")
            return await stub.GetProduct(request, metadata=grpc.aio.Metadata(("x-fault", mark)), timeout=timeout)

        yield read
