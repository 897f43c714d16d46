"""rate-limit-per-user: each user has ten calls, and users do not affect each other."""

import uuid
from collections import Counter

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.raw_http import http_request
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.signer import Signer
from tests.support.clock import eventually

LIMIT, CALLS = 10, 15
LIMITED = "RESOURCE_EXHAUSTED local_rate_limited"
ORDERS = "/v1/orders?customer=customers/me"


def new_user(mesh: Mesh) -> str:
    """Return a token of a user who has not called yet."""
    return Signer.of(mesh.home).token(sub=f"users/{uuid.uuid4()}")


async def outcomes(mesh: Mesh, token: str) -> Counter[str]:
    """Call as a user on a new connection, because an older one may still have the old filters of the gateway."""
    async with dial(mesh.gateway, token=token, user_agent=str(uuid.uuid4())) as channel:
        return Counter([await outcome_of(Shop(channel).list_orders()) for _ in range(CALLS)])


async def test_each_user_has_ten_calls_of_their_own(scenario: Scenario, mesh: Mesh) -> None:
    assert await outcomes(mesh, new_user(mesh)) == {"OK": CALLS}
    async with scenario.run_readme():
        async for attempt in eventually(20):
            with attempt:
                assert (await outcomes(mesh, new_user(mesh)))[LIMITED]
        ada, eve = new_user(mesh), new_user(mesh)
        first, second = await outcomes(mesh, ada), await outcomes(mesh, eve)
        assert first == second == {"OK": LIMIT, LIMITED: CALLS - LIMIT}
        over_http = await http_request(mesh.gateway, ORDERS, {"authorization": f"Bearer {ada}"})
        assert (over_http.status, over_http.body) == (429, b"local_rate_limited")
        without_token = Counter(
            [(await http_request(mesh.gateway, "/v1/products/p-0001")).status for _ in range(3 * LIMIT)]
        )
        assert without_token == {200: 3 * LIMIT}
    async for attempt in eventually(20):
        with attempt:
            assert await outcomes(mesh, ada) == {"OK": CALLS}
    scenario.record_result(
        f"each user has {LIMIT} calls at once; calls without a token are not limited",
        f"{first['OK']} and {second['OK']} of {CALLS}; {without_token[200]} of {3 * LIMIT} others",
    )
