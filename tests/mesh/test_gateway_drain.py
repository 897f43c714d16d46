"""A gateway that ends completes its calls, and long connections end without a failed call."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import grpc.aio
import psutil
import pytest
import yaml
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2

from shop.orders.v1 import orders_pb2_grpc
from tests.mesh.calls import Shop, SteadyCalls, outcome_of
from tests.mesh.harness import Manifest, Mesh, dial
from tests.mesh.raw_http import http_request
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.report import Measured

PRODUCT = "/v1/products/p-0001"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
ORDERS_HOST = "orders.shop.svc.cluster.local"
SLOW_SECONDS = 12
"""How long the slow order takes. PlaceOrder may take 14 s."""
SLOW: Manifest = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "orders-traffic", "namespace": "shop"},
    "spec": {
        "http": [
            {
                "match": [{"headers": {"x-slow": {"exact": "yes"}}}],
                "fault": {"delay": {"fixedDelay": f"{SLOW_SECONDS}s", "percentage": {"value": 100}}},
                "route": [{"destination": {"host": ORDERS_HOST}}],
            },
            {"route": [{"destination": {"host": ORDERS_HOST}}]},
        ]
    },
}
MIN_CONNECTIONS = 10
HTTP_MANAGER = "envoy.filters.network.http_connection_manager"
SHORT_CONNECTIONS: Manifest = {
    "apiVersion": "networking.istio.io/v1alpha3",
    "kind": "EnvoyFilter",
    "metadata": {"name": "short-connections", "namespace": "shop-ingress"},
    "spec": {
        "workloadSelector": {"labels": {"app": "shop-gateway"}},
        "priority": 20,
        "configPatches": [
            {
                "applyTo": "NETWORK_FILTER",
                "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": {"name": HTTP_MANAGER}}}},
                "patch": {
                    "operation": "MERGE",
                    "value": {
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.network."
                            "http_connection_manager.v3.HttpConnectionManager",
                            "common_http_protocol_options": {"max_connection_duration": "1s"},
                        }
                    },
                },
            }
        ],
    },
}


def connect(mesh: Mesh, token: str = "") -> grpc.aio.Channel:
    """Open a channel with a connection that no other channel shares. gRPC shares those with the same options."""
    return dial(mesh.gateway, token=token, user_agent=f"drain/{uuid.uuid4()}")


@pytest.fixture
async def shop(mesh: Mesh) -> AsyncIterator[Shop]:
    """Yield the public methods on one connection."""
    async with connect(mesh, await mesh.token()) as channel:
        yield Shop(channel)


def steady(mesh: Mesh, shop: Shop, token: str) -> SteadyCalls:
    """Return steady calls on one connection, and some with a new connection each."""

    async def new_http() -> None:
        assert (await http_request(mesh.gateway, PRODUCT)).status == 200

    async def new_grpc() -> None:
        async with connect(mesh, token) as channel:
            await Shop(channel).list_orders()

    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "one connection": shop.list_orders,
        "one connection, orders": shop.place_order,
        "new connections, HTTP": new_http,
        "new connections, gRPC": new_grpc,
    }
    return SteadyCalls(calls)


async def slow_order(shop: Shop, token: str, mesh: Mesh, seconds: float = 30) -> str:
    """Place an order that takes SLOW_SECONDS on a new connection, and return its outcome."""
    async with connect(mesh, token) as channel:
        call = orders_pb2_grpc.OrdersServiceStub(channel).PlaceOrder
        return await outcome_of(call(shop.order_request(), timeout=seconds, metadata=[("x-slow", "yes")]))


@pytest.mark.prove
async def test_a_rollout_of_the_gateway_under_load_fails_no_call(mesh: Mesh, shop: Shop, measured: Measured) -> None:
    token = await mesh.token()
    async with mesh.applied(SLOW), connect(mesh) as idle:
        await Shop(idle).get_product()
        async for attempt in eventually(60):
            with attempt:
                assert "DEADLINE_EXCEEDED" in await slow_order(shop, token, mesh, seconds=10)
        async with steady(mesh, shop, token) as calls:
            slow = asyncio.create_task(slow_order(shop, token, mesh))
            await mesh.restart("shop-gateway", "shop-ingress")
        assert await slow == "OK"
        await Shop(idle).get_product()
    measured(f"a rollout of the gateway: {len(calls.failed)} of {calls.made.total()} calls failed: {dict(calls.made)}")
    assert not calls.failed


@pytest.mark.prove
async def test_long_connections_end_without_a_failed_call_and_streams_continue(mesh: Mesh, measured: Measured) -> None:
    token = await mesh.token()
    async with mesh.applied(SHORT_CONNECTIONS):
        async for attempt in eventually():
            with attempt:
                assert '"max_connection_duration": "1s"' in await mesh.envoy("shop-gateway", "config_dump")
        async with connect(mesh) as streaming, connect(mesh, token) as channel:
            stream = streaming.stream_stream(
                REFLECTION,
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )()
            assert await services(stream)
            steady_shop = Shop(channel)
            ports = set()
            async with SteadyCalls({"reads": steady_shop.list_orders, "orders": steady_shop.place_order}) as calls:
                async for attempt in eventually(60, every=0.1):
                    with attempt:
                        ports |= local_ports(mesh)
                        assert len(ports) > MIN_CONNECTIONS
            assert not calls.failed
            assert await services(stream)
    measured(f"{len(ports)} connections in turn: 0 of {calls.made.total()} calls failed, and a stream continued")


async def test_the_health_of_the_gateway_is_on_port_15021(mesh: Mesh) -> None:
    pod = await mesh.pod("shop-gateway", "shop-ingress")
    response = await http_request(f"{pod['status']['podIP']}:15021", "/healthz/ready")
    assert response.status == 200


def test_the_load_balancer_probes_the_health_and_the_times_of_the_drain_fit() -> None:
    deployment = manifest("base/gateway.yaml", "Deployment")
    service = manifest("overlays/production/gateway-service.yaml", "Service")
    annotations = service["metadata"]["annotations"]
    probe = {key.rpartition("-")[2]: value for key, value in annotations.items() if "-healthcheck-" in key}
    assert probe == {"port": "15021", "path": "/healthz/ready", "protocol": "http"}
    template = deployment["spec"]["template"]
    pod = template["spec"]
    leaves = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert f"deregistration_delay.timeout_seconds={leaves}" in " ".join(annotations.values())
    assert pod["containers"][0]["env"] == [{"name": "EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "value": "true"}]
    edge = (ROOT / "mesh/istio/base/edge.yaml").read_text(encoding="utf-8")
    [idle] = re.findall(r" idle_timeout: (\d+)s", edge)
    assert pod["terminationGracePeriodSeconds"] >= leaves + int(idle) + max(timeouts())


def manifest(path: str, kind: str) -> Manifest:
    """Return the only manifest of a kind in a file."""
    text = (ROOT / "mesh/kubernetes" / path).read_text(encoding="utf-8")
    [found] = [
        each for each in yaml.safe_load_all(text) if each["kind"] == kind and each["metadata"]["name"] == "shop-gateway"
    ]
    return dict(found)


def timeouts() -> list[int]:
    """Return the timeouts of all routes at the gateway, in seconds."""
    return [
        int(route["timeout"].removesuffix("s"))
        for path in (ROOT / "mesh/istio/contracts").glob("*.yaml")
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if each["kind"] == "VirtualService" and each["metadata"]["name"].endswith("-public")
        for route in each["spec"]["http"]
        if "timeout" in route
    ]


Reflection = grpc.aio.StreamStreamCall[Message, reflection_pb2.ServerReflectionResponse]


async def services(stream: Reflection) -> Sequence[object]:
    """Send one more request on a stream of reflection, and return the services in the response."""
    await stream.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    response = await stream.read()
    assert isinstance(response, reflection_pb2.ServerReflectionResponse), "the stream has ended"
    return response.list_services_response.service


def local_ports(mesh: Mesh) -> set[int]:
    """Return the local ports of this process's connections to the gateway."""
    host, _, port = mesh.gateway.rpartition(":")
    opened = (each for each in psutil.Process().net_connections("tcp") if each.status == psutil.CONN_ESTABLISHED)
    # gRPC opens IPv6 sockets, in which an IPv4 address has a prefix.
    return {each.laddr.port for each in opened if each.raddr.port == int(port) and each.raddr.ip.endswith(host)}
