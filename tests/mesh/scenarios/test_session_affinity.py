"""session-affinity: the same user comes to the same Pod, and all users together come to all Pods."""

from collections import Counter, defaultdict

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh.harness import Mesh, dial, eventually
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_pod

REPLICAS, USERS, CALLS = 3, 40, 3


async def read(mesh: Mesh, header: str, user: int, agent: str) -> None:
    """Have a user read, with its name in a header."""
    async with dial(mesh.gateway, user_agent=agent) as channel:
        request = catalog_pb2.GetProductRequest(name="products/p-0001")
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        await stub.GetProduct(request, metadata=((header, f"users/{user}"),), timeout=10)


async def known(mesh: Mesh) -> int:
    """Count the Pods among which the gateway chooses by user, once it has chosen one."""
    found = await calls_by_pod(mesh, "sticky")
    return len(found) if found.total() else 0


async def visited(mesh: Mesh, agent: str, *headers: str) -> list[dict[str, Counter[str]]]:
    """Make each user read several times, named in a header. Return the Pods that served each user, by header."""
    for header in headers:
        for user in range(USERS):
            for _ in range(CALLS):
                await read(mesh, header, user, f"{agent}/{header}/{user}/")
    names = [pod["metadata"]["name"] for pod in await mesh.pods("catalog")]
    found: dict[str, dict[str, Counter[str]]] = {}
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            found = {header: defaultdict(Counter) for header in headers}
            for name in names:
                for line in await mesh.access_log(name, f"{agent}/"):
                    _, _, header, user, _ = line["user_agent"].split("/", 4)
                    found[header][user][name] += 1
            counts = [sum(pods.total() for pods in users.values()) for users in found.values()]
            assert counts == [USERS * CALLS] * len(headers)
    return list(found.values())


async def test_a_user_comes_to_the_same_pod(scenario: Scenario, mesh: Mesh, agent: str) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(20):
            with attempt:
                await read(mesh, "x-user", 0, agent="before")
                assert await known(mesh) == REPLICAS, "the gateway has heard of all Pods, and of where users go"
        with_it, without = await visited(mesh, agent, "x-user", "x-other")
    assert {len(pods) for pods in with_it.values()} == {1}
    assert len({pod for pods in with_it.values() for pod in pods}) == REPLICAS
    spread = sum(len(pods) > 1 for pods in without.values())
    assert spread > USERS / 2
    scenario.record_result(
        f"each of {USERS} users comes to one Pod of {REPLICAS}, all Pods are come to",
        f"{len(with_it)} users to one each, {dict(sum(with_it.values(), Counter()))}; without {spread} to several",
    )
