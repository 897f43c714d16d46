"""rate-limit-per-user: each user has ten calls, and no user has another's."""

import uuid
from collections import Counter

from tests.mesh.calls import Shop, outcome_of
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.raw_http import http_request
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.signer import Signer

ALLOWED, CALLS = 10, 15
LIMITED = "RESOURCE_EXHAUSTED local_rate_limited"
ORDERS = "/v1/orders?customer=customers/me"


def somebody(mesh: Mesh) -> str:
    """Answer the token of a user who has not called yet."""
    return Signer.of(mesh.home).token(sub=f"users/{uuid.uuid4()}")


async def outcomes(mesh: Mesh, token: str) -> Counter[str]:
    """Make a user's calls, on a connection of their own: one that is older has the gateway's older filters."""
    async with dial(mesh.gateway, token=token, user_agent=str(uuid.uuid4())) as channel:
        return Counter([await outcome_of(Shop(channel).list_orders()) for _ in range(CALLS)])


async def test_each_user_has_ten_calls_and_nobody_elses(scenario: Scenario, mesh: Mesh) -> None:
    assert await outcomes(mesh, somebody(mesh)) == {"OK": CALLS}
    async with scenario.run_readme():
        async for attempt in eventually(20):
            with attempt:
                assert (await outcomes(mesh, somebody(mesh)))[LIMITED]
        ada, eve = somebody(mesh), somebody(mesh)
        first, second = await outcomes(mesh, ada), await outcomes(mesh, eve)
        assert first == second == {"OK": ALLOWED, LIMITED: CALLS - ALLOWED}
        over_http = await http_request(mesh.gateway, ORDERS, {"authorization": f"Bearer {ada}"})
        assert (over_http.status, over_http.body) == (429, b"local_rate_limited")
        anybody = Counter(
            [(await http_request(mesh.gateway, "/v1/products/p-0001")).status for _ in range(3 * ALLOWED)]
        )
        assert anybody == {200: 3 * ALLOWED}
    async for attempt in eventually(20):
        with attempt:
            assert await outcomes(mesh, ada) == {"OK": CALLS}
    scenario.record_result(
        f"each user has {ALLOWED} calls at once; who is not signed in is not touched",
        f"{first['OK']} and {second['OK']} of {CALLS}; {anybody[200]} of {3 * ALLOWED} others",
    )
