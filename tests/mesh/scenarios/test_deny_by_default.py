"""deny-by-default: a call that is not allowed is refused, until a policy allows one caller one method."""

import grpc

from tests.mesh import policies
from tests.mesh.calls import call_as
from tests.mesh.harness import Mesh
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import eventually

CATALOG, PAYMENTS = (f"{name}.shop.svc.cluster.local" for name in ("catalog", "payments"))
GET, LIST, BATCH, NO_SUCH = (
    f"/shop.catalog.v1.CatalogService/{name}" for name in ("GetProduct", "ListProducts", "BatchGetProducts", "NoSuch")
)
CAPTURE = "/shop.payments.v1.PaymentsService/CapturePayment"
NOT_ALLOWED = [
    *[("stranger", CATALOG, path) for path in (GET, LIST, BATCH)],
    ("stranger", PAYMENTS, CAPTURE),
    ("orders", CATALOG, LIST),
]
DENIED = grpc.StatusCode.PERMISSION_DENIED


async def test_a_call_is_refused_until_a_policy_allows_it(scenario: Scenario, mesh: Mesh) -> None:
    async with mesh.applied(*policies.stranger()):
        await mesh.wait_for_rollout()
        async for attempt in eventually(10):
            with attempt:
                assert await call_as(mesh, "stranger", CATALOG, GET) == DENIED
        # The commands of the README show that the call of orders is refused before and after, and allowed in between.
        async with scenario.run_readme():
            refused = [await call_as(mesh, *call) for call in NOT_ALLOWED]
            assert set(refused) == {DENIED}, "the policy allows nothing else"
            statuses = {await call_as(mesh, caller, CATALOG, NO_SUCH) for caller in ("orders", "stranger")}
            assert statuses == {grpc.StatusCode.UNIMPLEMENTED}, "there is no route to a method that no contract has"
    scenario.record_result(
        "calls that are not allowed are refused; a policy allows one caller one method",
        f"{refused.count(DENIED)} of {len(refused)} refused meanwhile",
    )
