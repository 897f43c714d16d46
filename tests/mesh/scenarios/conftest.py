"""Gives each scenario's test its scenario."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.report import notes

QUICK = ("test_canary_by_weight", "test_circuit_breaker", "test_fault_abort", "test_outlier_ejection")
"""The scenarios that guard every change, in `make test`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all other scenarios to `make prove`."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.prove)


@pytest.fixture
def scenario(request: pytest.FixtureRequest, mesh: Mesh, tmp_path: Path) -> Scenario:
    """Return the scenario that the test's file is named after: test_fault_abort.py has fault-abort."""
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    scratch = tmp_path / name
    scratch.mkdir()
    return Scenario(name, mesh, scratch, notes(request.config, "scenarios").append)


@pytest.fixture
def agent() -> str:
    """Give the user agent under which this test reads products: the logs know its calls by it."""
    return f"scenario/{uuid.uuid4()}"


@pytest.fixture
async def read_product(mesh: Mesh, agent: str) -> AsyncIterator[ReadProduct]:
    """Give what reads a product through the gateway, with a mark that an operator's routes may look for."""
    async with dial(mesh.gateway, user_agent=agent) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)

        async def read(mark: str, timeout: float = 10) -> catalog_pb2.GetProductResponse:  # noqa: ASYNC109  # the call's
            request = catalog_pb2.GetProductRequest(name="products/p-0001")
            return await stub.GetProduct(request, metadata=grpc.aio.Metadata(("x-fault", mark)), timeout=timeout)

        yield read
