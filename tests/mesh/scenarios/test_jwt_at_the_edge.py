"""jwt-at-the-edge: catalog methods require a token, and other public methods do not."""

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.raw_http import http_request
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import eventually

DENIED, PRODUCT = "PERMISSION_DENIED RBAC: access denied", "/v1/products/p-0001"


async def test_catalog_methods_require_a_token(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    async with dial(mesh.gateway) as channel:
        without_token = Shop(channel)
        assert await outcome_of(without_token.get_product()) == "OK"
        async with scenario.run_readme():
            async for attempt in eventually(20):
                with attempt:
                    assert await outcome_of(without_token.get_product()) == DENIED
            denied = [await outcome_of(without_token.get_product()) for _ in range(20)]
            allowed = [await outcome_of(shop.get_product()) for _ in range(20)]
            assert set(denied) == {DENIED}
            assert set(allowed) == {"OK"}
            with_token = {"authorization": f"Bearer {await mesh.token()}"}
            assert [(await http_request(mesh.gateway, PRODUCT, headers)).status for headers in ({}, with_token)] == [
                403,
                200,
            ]
        async for attempt in eventually(20):
            with attempt:
                assert await outcome_of(without_token.get_product()) == "OK"
    scenario.record_result(
        "reads without a token are denied, reads with a token succeed",
        f"{denied.count(DENIED)} of 20 denied, {allowed.count('OK')} of 20 succeed",
    )
