"""`kubectl exec`, `cp` and `attach`: the streams of a command, as channels of one WebSocket.

Each message starts with a byte that names its channel. The last message is a Status with the exit code.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from mesh.local.agent import child, logs
from mesh.local.agent.child import Child
from mesh.local.agent.container import Runner
from mesh.local.agent.sandbox import Sandbox
from mesh.local.processes import Process

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, ERROR, RESIZE, CLOSE = 0, 3, 4, 255
"""Channels besides those of `child`."""
CHUNK_BYTES = 2**15


async def run(request: web.Request, sandbox: Sandbox, container: Process) -> web.StreamResponse:
    """Run a command beside a container, until it ends or the client leaves."""
    query = request.query
    words = translate(query.getall("command"), sandbox, container)
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(request)
    try:
        command = await child.start(words, container, stdin=_is_set(query, "input"), tty=_is_set(query, "tty"))
    except OSError as error:
        await _finish(socket, _failure(str(error)))
        return socket
    feeding = asyncio.create_task(_feed(socket, command))
    sending = asyncio.create_task(_send_all(socket, command))
    try:
        await asyncio.wait({feeding, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            feeding.cancel()
            await _finish(socket, _exit_status(sending.result()))
    finally:
        feeding.cancel()
        sending.cancel()
        command.end()
    return socket


async def attach(request: web.Request, runner: Runner) -> web.StreamResponse:
    """Send what a container writes from now on, until its run ends or the client leaves."""
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(request)
    leaving = asyncio.create_task(_wait_for_close(socket))
    sending = asyncio.create_task(_send_log(socket, runner))
    try:
        await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        sending.cancel()
    return socket


async def _send_log(socket: web.WebSocketResponse, runner: Runner) -> None:
    with suppress(ConnectionError):  # the client has left
        async for chunk in logs.read(runner, runner.restarts, logs.FROM_NOW_ON):
            await socket.send_bytes(bytes([child.STDOUT]) + chunk)
        await _finish(socket, _exit_status(0))


async def _wait_for_close(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


def translate(words: list[str], sandbox: Sandbox, container: Process) -> list[str]:
    """Translate a command whose container has a separate root file system, network or list of processes in a cluster.

    `kubectl cp` runs tar and test: their absolute paths start at the Pod's folder. `pilot-agent request` asks Envoy's
    admin API at its usual port. For `kill`, process 1 is the main process of the container.
    """
    if words[0] in {"tar", "test"}:
        (sandbox.folder / "tmp").mkdir(exist_ok=True)
        return [words[0], *(word.lstrip("/") or "." if word.startswith("/") else word for word in words[1:])]
    if words[0] == "kill":
        # Not every machine has the program, but every shell has the command.
        return ["sh", "-c", 'kill "$@"', *(str(container.pid) if word == "1" else word for word in words)]
    if words[:2] == ["pilot-agent", "request"] and sandbox.proxied and len(words) >= 4:
        url = f"http://127.0.0.1:{sandbox.admin_port}/{words[3].lstrip('/')}"
        return ["curl", "--silent", "--show-error", "--globoff", "--noproxy", "*", "--request", words[2], url]
    return words


async def _feed(socket: web.WebSocketResponse, command: Child) -> None:
    """Pass the client's input to the command, until the client leaves."""
    async for message in socket:
        if message.type != WSMsgType.BINARY or not message.data:
            continue
        channel, payload = message.data[0], message.data[1:]
        if channel == STDIN and command.stdin:
            try:
                command.stdin.write(payload)
                await command.stdin.drain()
            except ConnectionError:
                command.stdin = None  # it does not read its input any more, but may still write
        elif channel == RESIZE:
            size = json.loads(payload)
            command.resize(size["Width"], size["Height"])
        elif channel == CLOSE and payload == bytes([STDIN]):
            command.close_stdin()


async def _send_all(socket: web.WebSocketResponse, command: Child) -> int:
    """Send what the command writes, and return its exit code."""
    await asyncio.gather(*(_send(socket, channel, stream) for channel, stream in command.outputs.items()))
    return await command.process.wait()


async def _send(socket: web.WebSocketResponse, channel: int, stream: asyncio.StreamReader) -> None:
    try:
        while chunk := await stream.read(CHUNK_BYTES):
            await socket.send_bytes(bytes([channel]) + chunk)
    except OSError:
        pass  # the last process has closed the terminal, or the client has left


async def _finish(socket: web.WebSocketResponse, status: dict[str, Any]) -> None:
    with suppress(ConnectionError):  # the client has left
        await socket.send_bytes(bytes([ERROR]) + json.dumps(status).encode())
    await socket.close()


def _exit_status(code: int) -> dict[str, Any]:
    if code == 0:
        return {"status": "Success"}
    code = 128 - code if code < 0 else code
    return {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with exit code {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _failure(message: str) -> dict[str, Any]:
    return {"status": "Failure", "reason": "InternalError", "message": message}


def _is_set(query: Any, name: str) -> bool:  # noqa: ANN401
    return query.get(name) in {"1", "true"}
