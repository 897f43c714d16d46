"""kubectl exec, cp, attach, port-forward and top reach the containers of the mesh."""

import asyncio
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.mesh.calls import Shop, status_of
from tests.mesh.harness import Mesh, dial
from tests.support.clock import eventually

MIB = 2**20
ORDERS = ("-n", "shop", "deployment/orders", "-c", "app")
WITHOUT_WEBSOCKETS = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}
# Prints the bytes that it reads, and their number on standard error.
ECHO = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data); sys.exit(str(len(data)))"


@asynccontextmanager
async def running(mesh: Mesh, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command in the environment of the mesh while the block runs. It can be interrupted."""
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/env", "--default-signal=INT", *command, env=mesh.environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def read_until(process: asyncio.subprocess.Process, pattern: str) -> re.Match[str]:
    """Read the output of a process until a pattern matches."""
    assert process.stdout
    output = ""
    async with asyncio.timeout(60):
        while not (match := re.search(pattern, output)):
            chunk = await process.stdout.read(4096)
            assert chunk, output
            output += chunk.decode()
    return match


@asynccontextmanager
async def forwarded(mesh: Mesh, port: int, workload: str = "deployment/orders") -> AsyncIterator[str]:
    """Yield the `host:port` of this machine from which kubectl forwards to a port of a workload."""
    async with running(mesh, "kubectl", "port-forward", "-n", "shop", workload, f":{port}") as kubectl:
        yield (await read_until(kubectl, r"Forwarding from (127\.0\.0\.1:\d+)"))[1]


async def test_exec_runs_in_the_environment_and_folder_of_the_container(mesh: Mesh) -> None:
    pod = await mesh.pod("orders")
    env = await mesh.kubectl("exec", *ORDERS, "--", "env")
    assert "GRPC_LISTEN=unix:run/app.sock" in env.splitlines()
    folder = (mesh.home / "pods" / pod["metadata"]["uid"]).resolve()
    assert (await mesh.kubectl("exec", *ORDERS, "--", "pwd", "-P")).strip() == str(folder)
    (folder / "run/hello").write_text("#!/bin/sh\necho hello", encoding="utf-8")
    (folder / "run/hello").chmod(0o700)
    assert await mesh.kubectl("exec", *ORDERS, "--", "run/hello") == "hello\n"
    await mesh.kubectl("exec", *ORDERS, "--", "python", "-c", "import services.orders")


async def test_exec_returns_the_exit_code_and_both_outputs(mesh: Mesh) -> None:
    run = await mesh.run("kubectl", "exec", *ORDERS, "--", "sh", "-c", "echo out; echo error >&2; exit 3")
    assert (run.returncode, run.stdout) == (3, "out\n")
    assert run.stderr.splitlines() == ["error", "command terminated with exit code 3"]


async def test_exec_reports_a_missing_program_container_and_pod(mesh: Mesh) -> None:
    for words, message in (
        ((*ORDERS, "--", "nosuch"), 'exec: "nosuch": executable file not found in $PATH'),
        (("-n", "shop", "deployment/orders", "-c", "nosuch", "--", "pwd"), "container nosuch is not valid"),
        (("-n", "shop", "nosuch", "--", "pwd"), 'pods "nosuch" not found'),
    ):
        run = await mesh.run("kubectl", "exec", *words)
        assert run.returncode == 1
        assert message in run.stderr


async def test_exec_passes_the_input_and_its_end(mesh: Mesh) -> None:
    text = "line\n" * MIB
    run = await mesh.run("kubectl", "exec", "-i", *ORDERS, "--", sys.executable, "-c", ECHO, stdin=text)
    assert hashlib.sha256(run.stdout.encode()).digest() == hashlib.sha256(text.encode()).digest()
    assert str(len(text)) in run.stderr


async def test_a_terminal_has_a_size_and_ctrl_c_interrupts_the_command(mesh: Mesh) -> None:
    controller, terminal = os.openpty()
    os.set_blocking(controller, False)
    # kubectl sends the size after the command has started.
    sized = 'until [ "$(stty size)" = "33 111" ]; do sleep 0.1; done; stty size'
    script = f"{sized}; trap 'echo interrupted; exit 7' INT; echo ready; while true; do sleep 0.1; done"
    command = ["kubectl", "exec", "-it", *ORDERS, "--", "sh", "-c", script]
    termios.tcsetwinsize(terminal, (33, 111))
    process = await asyncio.create_subprocess_exec(
        *command, env=mesh.environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    output = ""

    async def wait_for(text: str) -> None:
        nonlocal output
        async for attempt in eventually(30):
            with attempt:
                with suppress(BlockingIOError):
                    output += os.read(controller, 4096).decode()
                assert text in output, output

    try:
        await wait_for("ready")
        assert "33 111" in output
        os.write(controller, b"\x03")
        await wait_for("interrupted")
        assert await process.wait() == 7
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        os.close(terminal)
        os.close(controller)


async def test_the_command_ends_when_kubectl_is_interrupted(mesh: Mesh) -> None:
    async with running(mesh, "kubectl", "exec", *ORDERS, "--", "sh", "-c", "echo $$; sleep 3600") as kubectl:
        pid = int((await read_until(kubectl, r"(\d+)\n"))[1])
        kubectl.send_signal(2)
        async for attempt in eventually(20):
            with attempt:
                assert not psutil.pid_exists(pid)


async def test_a_client_without_websockets_gets_an_explanation(mesh: Mesh) -> None:
    old = Mesh(mesh.name, mesh.environment | WITHOUT_WEBSOCKETS)
    run = await old.run("kubectl", "exec", *ORDERS, "--", "pwd")
    assert run.returncode == 1
    assert "the local node needs a WebSocket with the protocol v5.channel.k8s.io" in run.stderr


async def test_only_the_api_server_may_run_commands(mesh: Mesh) -> None:
    instance_ca = mesh.home / "node/etc/kubernetes/pki/ca.crt"
    context = ssl.create_default_context(cafile=str(instance_ca))
    pod = await mesh.pod("orders")
    url = f"https://{pod['status']['hostIP']}:10250/exec/shop/{pod['metadata']['name']}/app?command=pwd"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(url, ssl=context)


async def test_cp_copies_to_the_folder_of_the_pod_and_back(mesh: Mesh, tmp_path: Path) -> None:
    pod = await mesh.pod("orders")
    name, folder = pod["metadata"]["name"], mesh.home / "pods" / pod["metadata"]["uid"]
    (tmp_path / "sent").write_bytes(os.urandom(3 * MIB))
    await mesh.kubectl("cp", "-n", "shop", "-c", "app", str(tmp_path / "sent"), f"{name}:/tmp/sent")
    assert (folder / "tmp/sent").read_bytes() == (tmp_path / "sent").read_bytes()
    await mesh.kubectl("cp", "-n", "shop", "-c", "app", f"{name}:/tmp/sent", str(tmp_path / "received"))
    assert (tmp_path / "received").read_bytes() == (tmp_path / "sent").read_bytes()
    # An absolute path is one of the Pod, not of this machine. kubectl may end before it shows the error of tar.
    await mesh.run("kubectl", "cp", "-n", "shop", "-c", "app", f"{name}:/etc/passwd", str(tmp_path / "passwd"))
    assert not (tmp_path / "passwd").exists()


async def test_attach_shows_what_a_container_writes_from_now_on(mesh: Mesh) -> None:
    async with (
        running(mesh, "kubectl", "attach", "-n", "shop", "deployment/catalog", "-c", "app") as kubectl,
        dial(mesh.gateway) as channel,
    ):
        reading = asyncio.create_task(read_until(kubectl, r'"service": "catalog"'))
        async for attempt in eventually(30):
            with attempt:
                await status_of(Shop(channel).get_product())
                assert reading.done()
        await reading


async def test_port_forward_reaches_the_app_behind_its_sidecar(mesh: Mesh) -> None:
    async with forwarded(mesh, 50051) as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its published types have no methods
        replies = await asyncio.gather(*(stub.Check(health_pb2.HealthCheckRequest(), timeout=30) for _ in range(50)))
    assert {reply.status for reply in replies} == {health_pb2.HealthCheckResponse.SERVING}


async def test_port_forward_carries_many_connections_to_envoy(mesh: Mesh) -> None:
    async with forwarded(mesh, 15000) as address, aiohttp.ClientSession() as session:

        async def config_dump() -> str:
            async with session.get(f"http://{address}/config_dump", headers={"connection": "close"}) as reply:
                return await reply.text()

        dumps = await asyncio.gather(*(config_dump() for _ in range(10)))
    assert all(json.loads(dump)["configs"] for dump in dumps)


async def test_port_forward_to_a_port_that_is_closed_says_so(mesh: Mesh) -> None:
    async with running(mesh, "kubectl", "port-forward", "-n", "shop", "deployment/orders", ":9") as kubectl:
        address = (await read_until(kubectl, r"Forwarding from (127\.0\.0\.1:\d+)"))[1]
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
        await read_until(kubectl, "error forwarding port 9 to pod orders-")


async def test_top_shows_processor_time_and_memory(mesh: Mesh) -> None:
    pods = await mesh.kubectl("top", "pods", "-n", "shop", "-l", "app=orders", "--containers", "--no-headers")
    rows = {line.split()[1]: line.split()[2:] for line in pods.splitlines()}
    assert rows.keys() == {"app", "istio-proxy"}
    assert all(cpu.endswith("m") and int(memory.removesuffix("Mi")) > 0 for cpu, memory in rows.values())
    (node,) = (await mesh.kubectl("top", "nodes", "--no-headers")).splitlines()
    assert re.fullmatch(r"mesh-0\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%\s*", node)
