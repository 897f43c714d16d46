"""egress-control: what is outside of the mesh is reached through a ServiceEntry, and not at all without one."""

from collections import Counter
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from tests.mesh import policies
from tests.mesh.calls import method, status_of
from tests.mesh.harness import Manifest, Mesh, dial, eventually
from tests.mesh.scenarios.scenario import Scenario

OUTSIDE, HOST = "127.0.0.77:50777", "rates.example"
GET = "/rates.Rates/GetRate"
OK = grpc.StatusCode.OK


@pytest.fixture
async def answered() -> AsyncIterator[Counter[str]]:
    """Have a server outside of the mesh, and count the calls that it answers."""
    counts: Counter[str] = Counter()

    async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        del request, context
        counts[GET] += 1
        return b""

    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"GetRate": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("rates.Rates", handlers)])
    assert server.add_insecure_port(OUTSIDE)
    await server.start()
    yield counts
    await server.stop(0)


def caller() -> list[Manifest]:
    """Make a workload whose own Sidecar would let it call the service outside."""
    account, sidecar, deployment = policies.stranger()
    sidecar["spec"]["egress"] = [{"hosts": [f"./{HOST}"]}]
    return [account, sidecar, deployment]


async def test_only_what_the_registry_knows_is_reached(scenario: Scenario, mesh: Mesh, answered: Counter[str]) -> None:
    async with mesh.applied(*caller()):
        await mesh.wait_for_rollout()
        pod = await mesh.pod("stranger")
        async with dial(await mesh.egress(pod["metadata"]["name"]), authority=HOST) as channel:
            call = method(channel, GET)
            refused = [await status_of(call(b"", timeout=10)) for _ in range(10)]
            assert OK not in refused
            assert not answered, "none of them went out"
            async with scenario.run_readme():
                async for attempt in eventually(10):
                    with attempt:
                        assert await status_of(call(b"", timeout=10)) == OK
                assert answered.total() == 1
            async for attempt in eventually(10):
                with attempt:
                    assert await status_of(call(b"", timeout=10)) != OK
            came = answered.total()
            assert [await status_of(call(b"", timeout=10)) for _ in range(10)].count(OK) == 0
            assert answered.total() == came
    scenario.record_result(
        "an address outside is reached through a ServiceEntry alone", f"0 of {len(refused)} calls went out without it"
    )
