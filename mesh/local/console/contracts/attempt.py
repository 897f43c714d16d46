"""Tries a call from the page: with grpcurl through the gateway, or as the operator's Job. Time and size are limited."""

import asyncio
import json
import os
import time
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from mesh.local import tools
from mesh.local.clients import operator_job, users
from mesh.local.clients.kubectl import Kubectl
from mesh.local.console.contracts.transcript import CONTENTS, Outcome, of_grpcurl, of_operator
from mesh.local.instance import Instance
from mesh.local.matrix.callers import ANONYMOUS, USER

OPERATOR = "operator"
MAX_SECONDS, MAX_STREAM_SECONDS, MAX_OPERATOR_SECONDS = 60, 10, 60
MAX_STREAM_MESSAGES = 20
MAX_BYTES = 1_000_000
CHUNK_BYTES = 65_536
TOKEN_SECONDS = 300
"""How long a token is used again. It is valid for longer."""
MASK, WELL_KNOWN = "google.protobuf.FieldMask", "google.protobuf."
START_OF_RESPONSE = f"\n{CONTENTS}\n".encode()


class InvalidRequestError(ValueError):
    """The text is no request of the method. The error says where, as a line and a column if it is no JSON."""


@dataclass(frozen=True)
class Call:
    """A call to try."""

    method: str
    request: Message
    caller: str
    """ANONYMOUS, USER, a role, or OPERATOR."""
    is_stream: bool = False


class Tokens:
    """Access tokens of the demo users. They stay in this process."""

    def __init__(self, mesh: Instance) -> None:
        self._mesh = mesh
        self._issued: dict[str, tuple[float, str]] = {}

    def of(self, role: str) -> str:
        """Return a token of the demo user with a role. Raises MeshError."""
        issued, token = self._issued.get(role, (0.0, ""))
        if not token or time.monotonic() - issued > TOKEN_SECONDS:
            token = users.token(self._mesh, role)
            self._issued[role] = time.monotonic(), token
        return token


def parse_request(message: Message, text: str) -> None:
    """Parse a request from JSON into an empty message. Raises InvalidRequestError."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise InvalidRequestError("no request: write a JSON object, {…}")
        json_format.ParseDict(data, message)
    except json.JSONDecodeError as error:
        raise InvalidRequestError(f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except json_format.ParseError as error:
        raise InvalidRequestError(" ".join(str(error).split())) from error


def grpcurl_json(message: Message) -> Any:  # noqa: ANN401  # JSON
    """Return a message as grpcurl reads it: it knows no text for a FieldMask."""
    data = json_format.MessageToDict(message)
    for field, value in message.ListFields():
        if field.message_type and field.message_type.full_name == MASK:
            data[field.json_name] = {"paths": list(value.paths)}
        elif field.message_type and not field.is_repeated and not field.message_type.full_name.startswith(WELL_KNOWN):
            data[field.json_name] = grpcurl_json(value)
    return data


async def attempt(mesh: Instance, tokens: Tokens, protoset: Path, call: Call) -> Outcome:
    """Try a call, and return how it ended. Raises MeshError if it could not be made."""
    if call.caller == OPERATOR:
        return await asyncio.to_thread(_as_operator, mesh, call)
    role = {ANONYMOUS: "", USER: users.CUSTOMER}.get(call.caller, call.caller)
    token = await asyncio.to_thread(tokens.of, role) if role else ""
    seconds = MAX_STREAM_SECONDS if call.is_stream else MAX_SECONDS
    words = ["-plaintext", "-vv", "-format-error", "-protoset", str(protoset), "-d", "@"]
    # Arguments of a process are visible to all users, so the token goes through the environment.
    words += ["-expand-headers", "-H", "authorization: Bearer ${TOKEN}"] if token else []
    command = [str(tools.bin_dir() / "grpcurl"), *words, mesh.gateway, call.method]
    started = time.monotonic()
    stdout, stderr, stopped = await run_limited(
        command, json.dumps(grpcurl_json(call.request)), os.environ | {"TOKEN": token}, seconds
    )
    outcome = of_grpcurl(stdout, stderr, time.monotonic() - started, stopped)
    return replace(outcome, messages=outcome.messages[:MAX_STREAM_MESSAGES])


def _as_operator(mesh: Instance, call: Call) -> Outcome:
    started = time.monotonic()
    words = ("call", call.method, json_format.MessageToJson(call.request, indent=None))
    job = operator_job.run(Kubectl.of(mesh), *words, timeout_seconds=MAX_OPERATOR_SECONDS)
    return of_operator(job.exit_code, job.output[:MAX_BYTES], time.monotonic() - started)


async def run_limited(
    command: Sequence[str], stdin: str, environment: Mapping[str, str], seconds: float
) -> tuple[str, str, str]:
    """Run grpcurl, and return its output, its errors, and why it was stopped: empty if it ended by itself."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)
    if not (process.stdin and process.stdout and process.stderr):
        raise AssertionError("the process has no pipes")
    stdout, stderr, stopped, ended = bytearray(), bytearray(), "", False
    errors = asyncio.create_task(process.stderr.read(MAX_BYTES))
    try:
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError):
                process.stdin.write(stdin.encode())
                await process.stdin.drain()
            process.stdin.close()
            while not stopped and (chunk := await process.stdout.read(CHUNK_BYTES)):
                stdout += chunk
                stopped = _enough(stdout)
            if not stopped:
                stderr += await errors
                ended = True
    except TimeoutError:
        stopped = f"it was stopped after {seconds:g} s"
    finally:
        errors.cancel()
        # A signal to a process that is just ending makes asyncio lose its exit code, and say so.
        if not ended:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
    return stdout.decode(errors="replace"), stderr.decode(errors="replace"), stopped


def _enough(stdout: bytearray) -> str:
    if stdout.count(START_OF_RESPONSE) > MAX_STREAM_MESSAGES:
        return f"it was stopped after {MAX_STREAM_MESSAGES} messages"
    return f"it was stopped after {MAX_BYTES // 1_000_000} MB" if len(stdout) > MAX_BYTES else ""
