"""The lifecycle of a service process: start, health, stop, and the errors if it cannot start."""

import signal
import socket
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import grpc
import grpc.aio
import psutil
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from mesh.local import loopback
from tests.services.collector import collect_spans
from tests.services.probe import ASK, SERVICE, ask, stream
from tests.support.clock import Stopwatch, eventually
from tests.support.errors import refused
from tests.support.processes import STOP_TIMEOUT_SECONDS, free_port, records
from tests.support.starters import Start

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
# gRPC itself has another text for calls that it cuts off at the end of the grace period.
STOPPING = "this instance is stopping; open the stream again"
# Serializers for the messages of health and reflection; the stubs of their packages are untyped.
HEALTH = (health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString)
REFLECTION_METHOD = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
REFLECTION = (
    reflection_pb2.ServerReflectionRequest.SerializeToString,
    reflection_pb2.ServerReflectionResponse.FromString,
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_call_in_flight_is_finished_before_the_process_stops(start: Start, number: int) -> None:
    process = start("probe")
    async with process.channel() as channel, process.channel() as late:
        call = ask(channel)(StringValue(value="wait/2"))
        watching = channel.unary_stream("/grpc.health.v1.Health/Watch", *HEALTH)
        watch = aiter(watching(health_pb2.HealthCheckRequest(service=SERVICE)))
        assert (await anext(watch)).status == SERVING
        await records(process, message="waiting")
        process.signal(number)
        assert (await anext(watch)).status == NOT_SERVING
        assert (process.get("/ready"), process.get("/live")) == (503, 200)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(late)(StringValue(value="x"))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert (await call).value == "wait/2"
    assert process.wait() == 0
    assert process.errors() == ""
    assert process.get("/live") == 0
    assert not (process.folder / "run" / "app.sock").exists()


async def test_a_stream_is_ended_when_the_process_is_stopped(start: Start) -> None:
    process = start("probe")
    async with process.channel() as channel:
        responses = aiter(stream(channel)(StringValue(value="wait/60")))
        assert (await anext(responses)).value == "begin"
        await records(process, message="waiting")
        process.signal()
        error = await refused(anext(responses))
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")
    assert process.wait() == 0
    assert process.errors() == ""


@pytest.mark.parametrize(
    ("service", "statuses"),
    [("", [SERVING, NOT_SERVING]), (SERVICE, [SERVING, NOT_SERVING]), ("unknown", [SERVICE_UNKNOWN])],
    ids=["process", "service", "unknown"],
)
async def test_a_watch_of_health_ends_when_the_process_is_stopped(
    start: Start, service: str, statuses: list[int]
) -> None:
    process = start("probe")
    async with process.channel() as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch", *HEALTH)
        responses = aiter(watch(health_pb2.HealthCheckRequest(service=service)))
        first = await anext(responses)
        process.signal()
        # A watch that is cut off at the end of the grace period fails.
        assert [first.status, *[response.status async for response in responses]] == statuses
    assert process.wait() == 0
    assert process.errors() == ""


async def test_an_idle_stream_of_reflection_is_ended_when_the_process_is_stopped(start: Start) -> None:
    process = start("probe")
    async with process.channel() as channel:
        call = channel.stream_stream(REFLECTION_METHOD, *REFLECTION)()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.read()
        process.signal()
        error = await refused(call.read())
    assert (error.code, error.text) == (grpc.StatusCode.UNAVAILABLE, STOPPING)
    assert process.wait() == 0
    assert process.errors() == ""


async def test_health_is_reported_for_the_process_and_for_each_service(start: Start) -> None:
    async with start("probe").channel() as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check", *HEALTH)
        for service in ("", SERVICE):
            assert (await check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(health_pb2.HealthCheckRequest(service="unknown"))
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(start: Start) -> None:
    async with start("probe").channel() as channel:
        reflect = channel.stream_stream(REFLECTION_METHOD, *REFLECTION)
        requests = [reflection_pb2.ServerReflectionRequest(list_services="")]
        (reply,) = [reply async for reply in reflect(iter(requests))]
    names = {service.name for service in reply.list_services_response.service}
    assert names == {SERVICE, "grpc.reflection.v1alpha.ServerReflection"}


async def test_a_process_that_is_stopped_while_it_starts_exits_cleanly(start: Start) -> None:
    process = start("inventory", wait=False)
    while process.get("/live") != 200:
        assert process.popen.poll() is None
    process.signal()
    assert process.wait() == 0
    assert process.errors() == ""


async def test_a_process_listens_on_several_addresses(start: Start) -> None:
    port = free_port()
    process = start("probe", {"GRPC_LISTEN": f"unix:run/app.sock, 127.0.0.1:{port}"})
    async with process.channel() as socket_channel, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as tcp_channel:
        for channel in (socket_channel, tcp_channel):
            assert (await ask(channel)(StringValue(value="x"))).value == "x"


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
async def test_a_process_serves_ipv6_with_the_addresses_of_the_manifests(start: Start) -> None:
    ports = free_port(), free_port()
    env = {"GRPC_LISTEN": f"unix:run/app.sock,0.0.0.0:{ports[0]}", "MANAGEMENT_LISTEN": f"0.0.0.0:{ports[1]}"}
    process = start("probe", env, wait=False)
    for host in ("127.0.0.1", "[::1]"):
        async for attempt in eventually(30, retry=OSError):
            with attempt, loopback.open_url(f"http://{host}:{ports[1]}/ready", 10) as reply:
                assert reply.status == HTTPStatus.OK
        async with grpc.aio.insecure_channel(f"{host}:{ports[0]}") as channel:
            assert (await ask(channel)(StringValue(value="x"))).value == "x"
    assert process.errors() == ""


async def test_the_socket_of_a_dead_process_is_replaced(start: Start) -> None:
    first = start("probe")
    first.popen.kill()
    first.wait()
    assert (first.folder / "run" / "app.sock").exists()
    async with start("probe").channel() as channel:
        assert (await ask(channel)(StringValue(value="x"))).value == "x"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"GRPC_LISTEN": "nowhere"}, "GRPC_LISTEN: 'nowhere' is not of the form"),
        ({"PAYMENTS_TARGET": "unix:" + "x" * 108}, "has 108 bytes; the maximum is 107"),
        ({"GRPC_LISTEN": "192.0.2.1:50051"}, "GRPC_LISTEN: cannot listen on 192.0.2.1:50051"),
        ({"MANAGEMENT_LISTEN": "8081"}, "MANAGEMENT_LISTEN: '8081' is not of the form"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: 'loud' is not one of"),
        ({"DATABASE_URL": "not a url"}, "DATABASE_URL: not a URL"),
        ({"DATABASE_URL": "sqlite:////proc/none/x.db"}, "DATABASE_URL: cannot use"),
        *(
            pytest.param(*case, marks=pytest.mark.prove)
            for case in (
                ({"GRPC_LISTEN": "127.0.0.1:99999"}, "GRPC_LISTEN: '127.0.0.1:99999' is not of the form"),
                ({"GRPC_LISTEN": ","}, "GRPC_LISTEN: ',' names no address"),
                ({"GRPC_LISTEN": "unix:"}, "GRPC_LISTEN: 'unix:' has no path"),
                ({"GRPC_LISTEN": "unix:" + "x" * 108}, "GRPC_LISTEN: the path of"),
                ({"DATABASE_URL": "postgresql://user:secret@db/x"}, "DATABASE_URL: postgresql is not supported"),
                ({"DATABASE_URL": "sqlite:///x.db"}, "DATABASE_URL: sqlite is not supported"),
                ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL: a SQLite database needs a file"),
                ({"DATABASE_URL": "sqlite:///err.log/x.db"}, "DATABASE_URL: cannot use"),
                ({"DATABASE_URL": "sqlite:///run"}, "DATABASE_URL: cannot use"),
            )
        ),
    ],
    ids=lambda value: "-".join(map("=".join, value.items())) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_reported_in_one_line(start: Start, env: dict[str, str], message: str) -> None:
    process = start("inventory", env, wait=False)
    assert process.wait() == 2
    assert process.errors().startswith("inventory: ")
    assert process.errors().count("\n") == 1, process.errors()
    assert message in process.errors()


def test_a_file_that_is_no_database_is_reported_and_not_changed(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, and longer than the header of one: " + "x" * 1000)
    process = start("inventory", {"DATABASE_URL": f"sqlite:///{file}"}, wait=False)
    assert process.wait() == 2
    assert "cannot use" in process.errors()
    assert file.read_text().startswith("not a database")


@pytest.mark.parametrize("variable", ["GRPC_LISTEN", "MANAGEMENT_LISTEN"])
def test_a_port_in_use_is_reported(start: Start, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = start("inventory", {variable: address}, wait=False)
        assert process.wait() == 2
    assert process.errors().startswith(f"inventory: {variable}: cannot listen on {address}")
    assert process.errors().count("\n") == 1, process.errors()


def test_the_socket_of_a_running_process_is_not_replaced(start: Start) -> None:
    first = start("probe")
    second = start("probe", wait=False)
    assert second.wait() == 2
    assert "cannot listen on unix:run/app.sock: Address already in use" in second.errors()
    assert first.get("/ready") == 200


async def test_spans_are_exported_to_a_collector(start: Start) -> None:
    with collect_spans() as collector:
        # Exports must not use the proxy.
        env = {"SERVICE_VERSION": "v7", "http_proxy": "http://127.0.0.1:9"}
        process = start("probe", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **env})
        async with process.channel() as channel:
            await ask(channel)(StringValue(value="x"))
        # The process sends queued spans before it exits.
        assert process.stop() == 0
    (spans,) = collector.received
    attributes = {item.key: item.value.string_value for item in spans.resource.attributes}
    assert (attributes["service.name"], attributes["service.version"]) == ("probe", "v7")
    assert [span.name for span in collector.spans] == [ASK.removeprefix("/")]


@pytest.mark.prove
@pytest.mark.timing
async def test_an_unreachable_collector_delays_neither_calls_nor_the_exit(start: Start) -> None:
    process = start("probe", {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    async with process.channel() as channel:
        for _ in range(20):
            await ask(channel)(StringValue(value="x"), timeout=2)
    stopwatch = Stopwatch()
    assert process.stop() == 0
    assert stopwatch.elapsed() < 5


def test_a_killed_run_leaves_no_process_behind(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\n"
        "from tests.support.processes import Process\n"
        f"print(Process('probe', pathlib.Path({str(tmp_path)!r})).wait_ready().popen.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout
        service = psutil.Process(int(run.stdout.readline()))
        assert service.is_running()
        run.kill()
    assert psutil.wait_procs([service], timeout=STOP_TIMEOUT_SECONDS)[1] == []
