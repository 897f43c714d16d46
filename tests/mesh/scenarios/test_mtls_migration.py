"""mtls-migration: one workload takes plaintext beside mutual TLS, for one method, and nobody else's calls notice."""

import grpc

from tests.mesh.calls import Shop, SteadyCalls, ending_of, method, status_of
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.scenarios.scenario import Scenario

OK, UNAVAILABLE, DENIED = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED
LIST = "/shop.catalog.v1.CatalogService/ListProducts"


async def test_permissive_serves_who_has_no_certificate_and_strict_refuses_it(
    scenario: Scenario, mesh: Mesh, shop: Shop
) -> None:
    [catalog, inventory] = [(await mesh.pod(app))["status"]["podIP"] for app in ("catalog", "inventory")]
    async with dial(f"{catalog}:50051") as here, dial(f"{inventory}:50051") as there:
        plain, elsewhere = Shop(here, timeout=5), Shop(there, timeout=5)
        assert await status_of(plain.get_product()) == UNAVAILABLE, "STRICT refuses it"
        async with SteadyCalls({"GetProduct": shop.get_product, "PlaceOrder": shop.place_order}) as calls:
            async with scenario.applied():
                async for attempt in eventually(10):
                    with attempt:
                        assert await status_of(plain.get_product()) == OK
                endings = [await ending_of(plain.get_product()) for _ in range(50)]
                assert set(endings) == {"OK"}
                assert await status_of(method(here, LIST)(b"", timeout=5)) == DENIED, "one method is open, not all"
                assert await status_of(elsewhere.get_stock()) == UNAVAILABLE, "one workload is open, not all"
            async for attempt in eventually(10):
                with attempt:
                    assert await status_of(plain.get_product()) == UNAVAILABLE
        assert not calls.failed
    scenario.reached(
        "permissive serves plaintext beside mutual TLS, strict refuses it",
        f"{len(endings)} of {len(endings)} in plaintext; of {calls.made.total()} by mutual TLS 0 failed",
    )
