"""egress-control: an external address is reachable only with a ServiceEntry."""

from collections import Counter
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from tests.mesh import policies
from tests.mesh.calls import method, status_of
from tests.mesh.harness import Manifest, Mesh, dial
from tests.mesh.scenarios.scenario import Scenario
from tests.support.clock import eventually

OUTSIDE, HOST = "127.0.0.77:50777", "rates.example"
GET = "/rates.Rates/GetRate"
OK = grpc.StatusCode.OK


@pytest.fixture
async def external_calls() -> AsyncIterator[Counter[str]]:
    """Start a server outside the mesh, and yield the number of its calls by method."""
    counts: Counter[str] = Counter()

    async def respond(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        del request, context
        counts[GET] += 1
        return b""

    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"GetRate": grpc.unary_unary_rpc_method_handler(respond)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("rates.Rates", handlers)])
    assert server.add_insecure_port(OUTSIDE)
    await server.start()
    yield counts
    await server.stop(0)


def caller() -> list[Manifest]:
    """Build a workload whose Sidecar includes the external service."""
    account, sidecar, deployment = policies.stranger()
    sidecar["spec"]["egress"] = [{"hosts": [f"./{HOST}"]}]
    return [account, sidecar, deployment]


async def test_only_registered_addresses_are_reachable(
    scenario: Scenario, mesh: Mesh, external_calls: Counter[str]
) -> None:
    async with mesh.applied(*caller()):
        await mesh.wait_for_rollout()
        pod = await mesh.pod("stranger")
        async with dial(await mesh.egress(pod["metadata"]["name"]), authority=HOST) as channel:
            call = method(channel, GET)
            refused = [await status_of(call(b"", timeout=10)) for _ in range(10)]
            assert OK not in refused
            assert not external_calls, "no call left the mesh"
            async with scenario.run_readme():
                async for attempt in eventually(10):
                    with attempt:
                        assert await status_of(call(b"", timeout=10)) == OK
                assert external_calls.total() == 1
            async for attempt in eventually(10):
                with attempt:
                    assert await status_of(call(b"", timeout=10)) != OK
            total = external_calls.total()
            assert [await status_of(call(b"", timeout=10)) for _ in range(10)].count(OK) == 0
            assert external_calls.total() == total
    scenario.record_result(
        "an external address is reachable only with a ServiceEntry", f"0 of {len(refused)} calls left without it"
    )
