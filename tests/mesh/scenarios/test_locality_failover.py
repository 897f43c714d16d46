"""locality-failover: the EU gets all calls until it fails; then another region gets them, until the EU is back."""

import pytest

from tests.mesh.calls import Shop, SteadyCalls, outcome_of
from tests.mesh.harness import Mesh
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_pod
from tests.support.clock import Duration, Stopwatch, eventually

EU = "deployment/catalog-eu"


@pytest.mark.timing
async def test_another_region_serves_the_calls_of_a_failed_one(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    other_ip = (await mesh.pod("catalog"))["status"]["podIP"]

    async def eu_pod() -> dict[str, str]:
        [pod] = [pod for pod in await mesh.pods("catalog") if pod["metadata"]["labels"].get("region") == "eu"]
        return {"uid": pod["metadata"]["uid"], "ip": pod["status"]["podIP"]}

    async def wait_for_all_calls_at(ip: str) -> Duration:
        """Wait until all calls go to one Pod. Return the seconds that it took."""
        stopwatch = Stopwatch()
        async for attempt in eventually(30):
            with attempt:
                before = await calls_by_pod(mesh, "eu-first")
                for _ in range(20):
                    await outcome_of(shop.get_product())
                assert (await calls_by_pod(mesh, "eu-first") - before).keys() == {ip}
        return stopwatch.elapsed()

    async with scenario.run_readme(until="kubectl scale") as readme:
        first = await eu_pod()
        await wait_for_all_calls_at(first["ip"])
        async with SteadyCalls({"GetProduct": shop.get_product}) as calls:
            # Kill proxy and app at once, so that the Pod does not recover by itself.
            killed = [*mesh.processes("envoy", first["uid"]), *mesh.processes("python", first["uid"])]
            for process in killed:
                process.kill()
            await readme.run_until("kubectl delete")  # it scales the EU to 0
            failover = await wait_for_all_calls_at(other_ip)
            await mesh.kubectl("scale", "-n", "shop", EU, "--replicas=1")
            await mesh.wait_for_rollout()
            failback = await wait_for_all_calls_at((await eu_pod())["ip"])
    assert len(killed) == 2
    # Retries stay in the region. The dead Pod is ejected after five attempts in a row, so a third call succeeds.
    assert len(calls.failed) <= 4
    scenario.record_result(
        "a region is killed: the other gets all calls, until the first is back",
        f"after {failover:.1f} s; back {failback:.1f} s after it is ready; "
        f"{len(calls.failed)} of {calls.made.total()} failed",
    )
