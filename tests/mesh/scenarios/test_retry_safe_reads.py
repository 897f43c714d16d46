"""retry-safe-reads: what a flaky callee fails is sent again, three times at most, and so nearly all of it ends well."""

from collections import Counter

import pytest

from tests.mesh.calls import ending_of
from tests.mesh.harness import Mesh, eventually
from tests.mesh.scenarios.calls import Product
from tests.mesh.scenarios.scenario import Scenario

CALLS = 500
MOST_ATTEMPTS = 3


@pytest.mark.timing
async def test_a_read_that_fails_now_and_then_ends_well(
    scenario: Scenario, mesh: Mesh, product: Product, agent: str
) -> None:
    catalog = (await mesh.pod("catalog"))["metadata"]["name"]
    async with scenario.played():
        async for attempt in eventually(10):
            with attempt:
                assert {await ending_of(product("flaky")) for _ in range(100)} != {"OK"}
        endings = [await ending_of(product("flaky")) for _ in range(CALLS)]
        others = [await ending_of(product("none")) for _ in range(CALLS)]
    ended: list[tuple[str, str]] = []
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            lines = await mesh.access_log(catalog, agent)
            ended = [(line["request_id"], line["response_flags"]) for line in lines]
            assert len({call for call, _ in ended}) >= 2 * CALLS
    failed = [flags for _, flags in ended].count("FI")
    attempts = Counter(call for call, _ in ended)
    assert max(attempts.values()) == MOST_ATTEMPTS
    assert failed > CALLS / 5, "without retries so many calls would have failed"
    # Three attempts fail together in 2.7 % of all cases. More than 6.3 % are seen once in a million runs.
    assert endings.count("OK") / CALLS >= 1 - 0.063
    assert set(others) == {"OK"}
    scenario.reached(
        f"a read that fails 30 % of its attempts ends well, with {MOST_ATTEMPTS} at most",
        f"{endings.count('OK')} of {CALLS} ({endings.count('OK') / CALLS:.1%})",
    )
