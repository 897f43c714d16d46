"""mtls-migration: one workload takes plaintext beside mutual TLS, for one method, and nobody else's calls notice."""

import grpc

from tests.mesh.calls import Call, Shop, SteadyCalls, outcome_of, status_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario


async def test_permissive_serves_who_has_no_certificate_and_strict_refuses_it(
    scenario: Scenario, mesh: Mesh, shop: Shop
) -> None:
    [catalog, inventory] = [(await mesh.pod(app))["status"]["podIP"] for app in ("catalog", "inventory")]
    async with dial(f"{catalog}:50051") as here, dial(f"{inventory}:50051") as there:
        plain, elsewhere = Shop(here, timeout=30), Shop(there, timeout=30)
        kinds: dict[str, Call] = {"GetProduct": shop.get_product, "PlaceOrder": shop.place_order}
        # Before and after, STRICT refuses plaintext: the README's commands show that.
        async with SteadyCalls(kinds) as calls, scenario.run_readme():
            outcomes = [await outcome_of(plain.get_product()) for _ in range(50)]
            refused = await status_of(elsewhere.get_stock())
    assert set(outcomes) == {"OK"}
    assert refused == grpc.StatusCode.UNAVAILABLE, "one workload is open, not all"
    assert not calls.failed
    scenario.record_result(
        "permissive serves plaintext beside mutual TLS, strict refuses it",
        f"{len(outcomes)} of {len(outcomes)} in plaintext; of {calls.made.total()} by mutual TLS 0 failed",
    )
