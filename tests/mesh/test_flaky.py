"""A flaky call fails without the mesh, and succeeds with it.

tests/services/test_faults.py makes the same calls without any mesh.
"""

import uuid
from collections import Counter

import pytest

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.faults import app_socket, failing_services, logged_attempts
from tests.mesh.harness import Mesh, dial
from tests.support.clock import eventually
from tests.support.faulty import BEFORE
from tests.support.report import Measured

CALLS = 500
MAX_ATTEMPTS = 3


async def count_successes(target: str, agent: str) -> int:
    """Read a product CALLS times, one call after another. Return the number of calls that succeeded."""
    async with dial(target, user_agent=agent) as channel:
        return [await outcome_of(Shop(channel).get_product()) for _ in range(CALLS)].count("OK")


@pytest.mark.prove
@pytest.mark.timing
async def test_a_flaky_call_succeeds_through_the_mesh(mesh: Mesh, measured: Measured) -> None:
    agent = f"flaky/{uuid.uuid4()}"
    async with failing_services(mesh, ["catalog"], WHEN=BEFORE, SHARE="0.3", METHODS="GetProduct", AGENT=agent):
        meshed = await count_successes(mesh.gateway, f"{agent}/meshed")
        direct = await count_successes(await app_socket(mesh, "catalog"), f"{agent}/direct")
        async for attempt in eventually(10):
            with attempt:
                attempts = Counter(each["call"] for each in await logged_attempts(mesh, "catalog", f"{agent}/meshed"))
                assert len(attempts) == CALLS
        direct_attempts = await logged_attempts(mesh, "catalog", f"{agent}/direct")
    measured(f"of {CALLS} calls at a service that fails 30 % of its attempts {direct} succeed; {meshed} with the mesh")
    assert 0.65 < direct / CALLS < 0.75
    assert len(direct_attempts) == CALLS, "without the mesh there are no retries"
    # All three attempts fail for 2.7 % of the calls. The seed in tests/support/faulty.py determines which.
    assert meshed / CALLS >= 0.97
    assert max(attempts.values()) == MAX_ATTEMPTS
