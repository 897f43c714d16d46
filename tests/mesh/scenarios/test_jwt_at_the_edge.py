"""jwt-at-the-edge: the catalog asks for a token, and nothing else does that did not."""

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.raw_http import http_request
from tests.mesh.scenarios.scenario import Scenario

DENIED, PRODUCT = "PERMISSION_DENIED RBAC: access denied", "/v1/products/p-0001"


async def test_the_catalog_is_for_members_alone(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    async with dial(mesh.gateway) as channel:
        anybody = Shop(channel)
        assert await outcome_of(anybody.get_product()) == "OK"
        async with scenario.run_readme():
            async for attempt in eventually(20):
                with attempt:
                    assert await outcome_of(anybody.get_product()) == DENIED
            denied = [await outcome_of(anybody.get_product()) for _ in range(20)]
            members = [await outcome_of(shop.get_product()) for _ in range(20)]
            assert set(denied) == {DENIED}
            assert set(members) == {"OK"}
            signed_in = {"authorization": f"Bearer {await mesh.token()}"}
            assert [(await http_request(mesh.gateway, PRODUCT, headers)).status for headers in ({}, signed_in)] == [
                403,
                200,
            ]
        async for attempt in eventually(20):
            with attempt:
                assert await outcome_of(anybody.get_product()) == "OK"
    scenario.record_result(
        "reads without a token are denied, with one answered",
        f"{denied.count(DENIED)} of 20 denied, {members.count('OK')} of 20 answered",
    )
