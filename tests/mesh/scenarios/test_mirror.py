"""mirror: v2 gets a copy of each read and of no write, and its responses do not affect callers."""

import pytest

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh import policies
from tests.mesh.calls import status_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_subset, get_product
from tests.support.clock import Stopwatch

CALLS = 100
DELAY_SECONDS = 5
# v2 fails every call, and late.
BROKEN = policies.callee_fault(
    {"version": "v2"},
    delay={"fixed_delay": f"{DELAY_SECONDS}s", "percentage": policies.percent(100)},
    abort={"grpc_status": 13, "percentage": policies.percent(100)},
)


@pytest.mark.timing
async def test_a_broken_version_gets_a_copy_of_each_read(scenario: Scenario, mesh: Mesh) -> None:
    async with mesh.applied(BROKEN), scenario.run_readme(), dial(mesh.gateway) as channel:
        before = await calls_by_subset(mesh)
        durations = []
        for _ in range(CALLS):
            stopwatch = Stopwatch()
            assert await get_product(channel) == "OK"
            durations.append(stopwatch.elapsed())
        between = await calls_by_subset(mesh)
        async with dial(mesh.gateway, token=await mesh.token("merchandiser")) as merchandiser:
            stub = catalog_pb2_grpc.CatalogServiceStub(merchandiser)
            refused = [
                (await status_of(stub.UpdateProduct(catalog_pb2.UpdateProductRequest()))).name for _ in range(10)
            ]
        after = await calls_by_subset(mesh)
    assert between - before == {"v1": CALLS, "v2": CALLS}
    assert max(durations) < DELAY_SECONDS
    assert set(refused) == {"INVALID_ARGUMENT"}, "the response of v1"
    assert after - between == {"v1": len(refused)}
    scenario.record_result(
        "v2 gets a copy of each read; no caller sees its errors or its delay of 5 s",
        f"{CALLS} copies of {CALLS} reads, 0 of {len(refused)} writes; a read takes {max(durations):.2f} s at most",
    )
