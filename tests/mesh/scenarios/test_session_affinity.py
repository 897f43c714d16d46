"""session-affinity: all calls of a user go to the same Pod, and all users together use all Pods."""

from collections import Counter, defaultdict

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from tests.mesh.harness import Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.mesh.scenarios.versions import calls_by_pod
from tests.support.clock import eventually

REPLICAS, USERS, CALLS = 3, 40, 3


async def read(mesh: Mesh, header: str, user: int, agent: str) -> None:
    """Read a product with the name of a user in a header."""
    async with dial(mesh.gateway, user_agent=agent) as channel:
        request = catalog_pb2.GetProductRequest(name="products/p-0001")
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        await stub.GetProduct(request, metadata=((header, f"users/{user}"),), timeout=10)


async def count_sticky_pods(mesh: Mesh) -> int:
    """Return the number of Pods in the sticky subset of the gateway, or 0 as long as it has no calls."""
    calls = await calls_by_pod(mesh, "sticky")
    return len(calls) if calls.total() else 0


async def pods_by_user(mesh: Mesh, agent: str, *headers: str) -> list[dict[str, Counter[str]]]:
    """Read several times as each user, named in each header. Return the Pods that served each user, by header."""
    for header in headers:
        for user in range(USERS):
            for _ in range(CALLS):
                await read(mesh, header, user, f"{agent}/{header}/{user}/")
    names = [pod["metadata"]["name"] for pod in await mesh.pods("catalog")]
    served: dict[str, dict[str, Counter[str]]] = {}
    async for attempt in eventually(15):  # Envoy writes its access log in batches
        with attempt:
            served = {header: defaultdict(Counter) for header in headers}
            for name in names:
                for line in await mesh.access_log(name, f"{agent}/"):
                    _, _, header, user, _ = line["user_agent"].split("/", 4)
                    served[header][user][name] += 1
            counts = [sum(pods.total() for pods in users.values()) for users in served.values()]
            assert counts == [USERS * CALLS] * len(headers)
    return list(served.values())


async def test_all_calls_of_a_user_go_to_the_same_pod(scenario: Scenario, mesh: Mesh, agent: str) -> None:
    async with scenario.run_readme():
        async for attempt in eventually(20):
            with attempt:
                await read(mesh, "x-user", 0, agent="before")
                assert await count_sticky_pods(mesh) == REPLICAS, "the gateway has all Pods and the route"
        with_header, without = await pods_by_user(mesh, agent, "x-user", "x-other")
    assert {len(pods) for pods in with_header.values()} == {1}
    assert len({pod for pods in with_header.values() for pod in pods}) == REPLICAS
    spread = sum(len(pods) > 1 for pods in without.values())
    assert spread > USERS / 2
    scenario.record_result(
        f"each of {USERS} users is served by one Pod of {REPLICAS}, and all Pods are used",
        f"{len(with_header)} users with one Pod each, {dict(sum(with_header.values(), Counter()))}; "
        f"without the header {spread} with several",
    )
