"""no-retry-of-writes: a failing call is sent three times if the contract marks it idempotent, otherwise once."""

from tests.mesh.calls import method, outcome_of
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import eventually

CALLS = 10
ATTEMPTS = {"PlaceOrder": 1, "CancelOrder": 3, "GetOrder": 3}
LOST = "UNAVAILABLE fault filter abort"


async def test_a_write_that_is_not_idempotent_is_sent_once(scenario: Scenario, mesh: Mesh, agent: str) -> None:
    orders = (await mesh.pod("orders"))["metadata"]["name"]
    async with scenario.run_readme(), dial(mesh.gateway, token=await mesh.token(), user_agent=agent) as channel:

        async def call(name: str, mark: str = "lost") -> str:
            rpc = method(channel, f"/shop.orders.v1.OrdersService/{name}")
            return await outcome_of(rpc(b"", metadata=(("x-fault", mark),), timeout=10))

        async for attempt in eventually(10):
            with attempt:
                assert await call("ListOrders") == LOST
        assert {await call(name) for name in ATTEMPTS for _ in range(CALLS)} == {LOST}
        assert (await call("PlaceOrder", "none")).startswith("INVALID_ARGUMENT"), "unmarked calls reach orders"
    counts: dict[str, int] = {}
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            lines = [line for line in await mesh.access_log(orders, agent) if line["response_flags"] == "FI"]
            counts = {name: sum(line["path"].endswith(f"/{name}") for line in lines) for name in ATTEMPTS}
            assert sum(counts.values()) >= CALLS * sum(ATTEMPTS.values())
    assert counts == {name: CALLS * each for name, each in ATTEMPTS.items()}
    scenario.record_result(
        "PlaceOrder is sent once, an idempotent write and a read three times",
        "; ".join(f"{CALLS} {name}: {count} attempts" for name, count in counts.items()),
    )
