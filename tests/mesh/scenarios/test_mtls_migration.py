"""mtls-migration: one workload accepts plaintext beside mutual TLS, for one method; other calls are not affected."""

import grpc

from tests.mesh.calls import Call, Shop, SteadyCalls, outcome_of, status_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario


async def test_permissive_accepts_callers_without_a_certificate_and_strict_refuses_them(
    scenario: Scenario, mesh: Mesh, shop: Shop
) -> None:
    [catalog, inventory] = [(await mesh.pod(app))["status"]["podIP"] for app in ("catalog", "inventory")]
    async with dial(f"{catalog}:50051") as catalog_channel, dial(f"{inventory}:50051") as inventory_channel:
        plain_catalog, plain_inventory = Shop(catalog_channel, timeout=30), Shop(inventory_channel, timeout=30)
        mutual_tls: dict[str, Call] = {"GetProduct": shop.get_product, "PlaceOrder": shop.place_order}
        # The commands of the README show that STRICT refuses plaintext before and after.
        async with SteadyCalls(mutual_tls) as calls, scenario.run_readme():
            outcomes = [await outcome_of(plain_catalog.get_product()) for _ in range(50)]
            refused = await status_of(plain_inventory.get_stock())
    assert set(outcomes) == {"OK"}
    assert refused == grpc.StatusCode.UNAVAILABLE, "only one workload is permissive"
    assert not calls.failed
    scenario.record_result(
        "PERMISSIVE accepts plaintext beside mutual TLS, STRICT refuses it",
        f"{len(outcomes)} of {len(outcomes)} in plaintext; of {calls.made.total()} by mutual TLS 0 failed",
    )
