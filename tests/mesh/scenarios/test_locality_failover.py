"""locality-failover: the EU has all calls until it dies; then another region has them, until the EU is back."""

import time

import pytest

from tests.mesh.calls import Shop, SteadyCalls, outcome_of
from tests.mesh.harness import Mesh, eventually
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_pod

EU = "deployment/catalog-eu"


@pytest.mark.timing
async def test_another_region_answers_for_one_that_dies(scenario: Scenario, mesh: Mesh, shop: Shop) -> None:
    home = (await mesh.pod("catalog"))["status"]["podIP"]

    async def eu() -> dict[str, str]:
        [pod] = [pod for pod in await mesh.pods("catalog") if pod["metadata"]["labels"].get("region") == "eu"]
        return {"uid": pod["metadata"]["uid"], "ip": pod["status"]["podIP"]}

    async def only(ip: str) -> float:
        """Wait until all calls come to one Pod; the seconds that it took."""
        began = time.monotonic()
        async for attempt in eventually(30):
            with attempt:
                before = await calls_by_pod(mesh, "eu-first")
                for _ in range(20):
                    await outcome_of(shop.get_product())
                assert (await calls_by_pod(mesh, "eu-first") - before).keys() == {ip}
        return time.monotonic() - began

    async with scenario.run_readme(until="kubectl scale") as readme:
        first = await eu()
        await only(first["ip"])
        async with SteadyCalls({"GetProduct": shop.get_product}) as calls:
            # All of it at once, and it does not come back by itself.
            doomed = [*mesh.processes("envoy", first["uid"]), *mesh.processes("python", first["uid"])]
            for process in doomed:
                process.kill()
            await readme.run_until("kubectl delete")  # it scales the EU to 0
            gone = await only(home)
            await mesh.kubectl("scale", "-n", "shop", EU, "--replicas=1")
            await mesh.wait_for_rollout()
            back = await only((await eu())["ip"])
    assert len(doomed) == 2
    # A retry stays in the region. Five attempts in a row take the dead Pod out: a third call is served.
    assert len(calls.failed) <= 4
    scenario.record_result(
        "a region is killed: the other has all calls, and gives them back",
        f"after {gone:.1f} s; back {back:.1f} s after it is ready; {len(calls.failed)} of {calls.made.total()} failed",
    )
