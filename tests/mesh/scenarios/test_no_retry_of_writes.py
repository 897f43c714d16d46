"""no-retry-of-writes: a call that the contract does not call idempotent is sent once; one that it does, three times."""

from tests.mesh.calls import method, outcome_of
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.scenarios.scenario import Scenario

CALLS = 10
ATTEMPTS = {"PlaceOrder": 1, "CancelOrder": 3, "GetOrder": 3}
LOST = "UNAVAILABLE fault filter abort"


async def test_a_write_is_sent_once(scenario: Scenario, mesh: Mesh, agent: str) -> None:
    orders = (await mesh.pod("orders"))["metadata"]["name"]
    async with scenario.run_readme(), dial(mesh.gateway, token=await mesh.token(), user_agent=agent) as channel:

        async def outcome(name: str, mark: str = "lost") -> str:
            call = method(channel, f"/shop.orders.v1.OrdersService/{name}")
            return await outcome_of(call(b"", metadata=(("x-fault", mark),), timeout=10))

        async for attempt in eventually(10):
            with attempt:
                assert await outcome("ListOrders") == LOST
        assert {await outcome(name) for name in ATTEMPTS for _ in range(CALLS)} == {LOST}
        assert (await outcome("PlaceOrder", "none")).startswith("INVALID_ARGUMENT"), "others reach orders itself"
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
