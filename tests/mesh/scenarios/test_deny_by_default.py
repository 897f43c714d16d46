"""deny-by-default: what stands on no list is refused; a policy lets one caller in to one method, while it is there."""

import grpc

from tests.mesh import policies
from tests.mesh.calls import call_as
from tests.mesh.harness import Mesh, eventually
from tests.mesh.scenarios.scenario import Scenario

CATALOG, PAYMENTS = (f"{name}.shop.svc.cluster.local" for name in ("catalog", "payments"))
GET, LIST, BATCH, NO_SUCH = (
    f"/shop.catalog.v1.CatalogService/{name}" for name in ("GetProduct", "ListProducts", "BatchGetProducts", "NoSuch")
)
CAPTURE = "/shop.payments.v1.PaymentsService/CapturePayment"
LISTED_NOWHERE = [
    *[("stranger", CATALOG, path) for path in (GET, LIST, BATCH)],
    ("stranger", PAYMENTS, CAPTURE),
    ("orders", CATALOG, LIST),
]
DENIED = grpc.StatusCode.PERMISSION_DENIED


async def test_what_is_on_no_list_is_refused_until_a_policy_lets_it_in(scenario: Scenario, mesh: Mesh) -> None:
    async with mesh.applied(*policies.stranger()):
        await mesh.wait_for_rollout()
        async for attempt in eventually(10):
            with attempt:
                assert await call_as(mesh, "stranger", CATALOG, GET) == DENIED
        # Orders' call is refused before and after, and served meanwhile: the README's commands show that.
        async with scenario.run_readme():
            refused = [await call_as(mesh, *call) for call in LISTED_NOWHERE]
            assert set(refused) == {DENIED}, "what the policy does not say stays as it was"
            found = {await call_as(mesh, caller, CATALOG, NO_SUCH) for caller in ("orders", "stranger")}
            assert found == {grpc.StatusCode.UNIMPLEMENTED}, "no way leads to a method that no contract has"
    scenario.record_result(
        "what is on no list is refused; a policy lets one caller in to one method",
        f"{refused.count(DENIED)} of {len(refused)} refused meanwhile",
    )
