"""retry-safe-reads: reads of a flaky callee are tried up to three times, so nearly all of them succeed."""

from collections import Counter

import pytest

from tests.mesh.calls import outcome_of
from tests.mesh.harness import Mesh
from tests.mesh.scenarios.calls import ReadProduct
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import eventually

CALLS = 500
MAX_ATTEMPTS = 3


@pytest.mark.timing
async def test_reads_of_a_flaky_service_succeed(
    scenario: Scenario, mesh: Mesh, read_product: ReadProduct, agent: str
) -> None:
    catalog = (await mesh.pod("catalog"))["metadata"]["name"]
    async with scenario.run_readme():
        async for attempt in eventually(10):
            with attempt:
                assert {await outcome_of(read_product("flaky")) for _ in range(100)} != {"OK"}
        outcomes = [await outcome_of(read_product("flaky")) for _ in range(CALLS)]
        others = [await outcome_of(read_product("none")) for _ in range(CALLS)]
    attempts: list[tuple[str, str]] = []
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            lines = await mesh.access_log(catalog, agent)
            attempts = [(line["request_id"], line["response_flags"]) for line in lines]
            assert len({call for call, _ in attempts}) >= 2 * CALLS
    failed = [flags for _, flags in attempts].count("FI")
    attempts_by_call = Counter(call for call, _ in attempts)
    assert max(attempts_by_call.values()) == MAX_ATTEMPTS
    assert failed > CALLS / 5, "without retries, this many calls would have failed"
    # All three attempts fail for 2.7 % of the calls. More than 6.3 % happens once in a million runs.
    assert outcomes.count("OK") / CALLS >= 1 - 0.063
    assert set(others) == {"OK"}
    scenario.record_result(
        f"reads whose attempts fail with 30 % succeed, with at most {MAX_ATTEMPTS} attempts",
        f"{outcomes.count('OK')} of {CALLS} ({outcomes.count('OK') / CALLS:.1%})",
    )
