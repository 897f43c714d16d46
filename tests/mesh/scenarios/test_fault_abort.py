"""fault-abort: half of the calls that ask for it fail, and nobody else's."""

from tests.mesh.calls import Shop, ending_of
from tests.mesh.harness import eventually
from tests.mesh.scenarios.calls import Product
from tests.mesh.scenarios.scenario import Scenario

ABORTED = "UNAVAILABLE fault filter abort"


async def test_half_of_the_calls_that_ask_for_it_fail(scenario: Scenario, shop: Shop, product: Product) -> None:
    assert await ending_of(product("abort")) == "OK", "nobody looks at the header before"
    async with scenario.applied():
        async for attempt in eventually(5):
            with attempt:
                assert await ending_of(product("abort")) == ABORTED
        endings = [await ending_of(product("abort")) for _ in range(200)]
        others = [await ending_of(shop.get_product()) for _ in range(50)]
    assert set(endings) == {"OK", ABORTED}
    # Of 200 coins fewer than 65 or more than 135 are heads once in a million times.
    assert 65 <= endings.count(ABORTED) <= 135
    assert set(others) == {"OK"}
    async for attempt in eventually(5):
        with attempt:
            assert {await ending_of(product("abort")) for _ in range(10)} == {"OK"}
    scenario.reached(
        "half of the marked calls are aborted, no other", f"{endings.count(ABORTED)} of 200; 0 of 50 others"
    )
