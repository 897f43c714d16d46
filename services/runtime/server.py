"""serve(): one process, one service, from its environment to its clean end."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
from confluent_kafka import KafkaException
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.runtime import telemetry
from services.runtime.background import Background
from services.runtime.channel import channel
from services.runtime.config import ConfigError, Settings, host_port, socket_path
from services.runtime.database import Database, open_database
from services.runtime.errors import ErrorTable
from services.runtime.events import Consumer, Handlers, Outbox
from services.runtime.events.dead_letters import DeadLetters
from services.runtime.events.outbox import report_outbox
from services.runtime.events.relay import LOOK_SECONDS, Relay
from services.runtime.interceptor import CallInterceptor
from services.runtime.logs import configure_logs
from services.runtime.management import Management, Report
from services.runtime.reflection import add_reflection
from services.runtime.requests import forget
from services.runtime.rules import compile_rules

# What a request or a reply may have at most. The largest of ours, a full page of products, has a tenth of it.
MOST_BYTES = 1024 * 1024
# What the metadata of a call may have at most, by HTTP/2's count. A sidecar refuses above 60 KiB, so that no call comes
# to where gRPC refuses by chance (with RESOURCE_EXHAUSTED), which by its defaults begins at 8 KiB.
MOST_METADATA_BYTES = 64 * 1024
# How long calls under way may take to end once the process is told to stop. Kubernetes gives 30 s in all, of which the
# endpoints' leaving takes 3, background work 5 and the last spans 2.
GRACE_SECONDS = 15.0
# When a relay or a consumer begins anew that has failed: Kafka gives it the same records again.
RESTART_SECONDS = 1.0
# How often events and requests are forgotten that cannot come again.
FORGET_SECONDS = 3600.0
REPLAY = "replay-dead-letters"

logger = logging.getLogger(__name__)


class Runtime:
    """What a service may ask of its surroundings. All of it is closed, last first, after the server has stopped."""

    def __init__(self, settings: Settings, management: Management, closing: AsyncExitStack) -> None:
        self._settings = settings
        self._management = management
        self._closing = closing

    def setting(self, name: str, default: str) -> str:
        """Answer what the environment says under <SERVICE>_<name>."""
        return self._settings.own.get(name, default)

    def publish(self, path: str, report: Report) -> None:
        """Have the management port answer GET `path` with what `report` says, as JSON: for who speaks plain HTTP."""
        self._management.publish(path, report)

    async def database(self, versions: Path) -> Database:
        """Open the service's database, brought up to date with the migrations in the folder `versions`."""
        database = await open_database(self._settings.database_url, versions)
        self._closing.push_async_callback(database.close)
        return database

    def channel(self, service: str) -> grpc.aio.Channel:
        """Open a channel to another service, for example "catalog"."""
        opened = channel(self._settings, service)
        self._closing.push_async_callback(opened.close)
        return opened

    @property
    def kafka(self) -> Mapping[str, str]:
        """What a client needs to find Kafka, by librdkafka's names; empty if there is none."""
        return self._settings.kafka

    def background(self) -> Background:
        """Make what runs work beside the calls. Ask for it last: it ends before what was opened earlier is closed."""
        background = Background()
        self._closing.push_async_callback(background.close)
        return background

    def forget_requests(self, database: Database) -> None:
        """Keep the requests that were carried out for MEMORY (requests.py), and remove them then."""
        self.background().repeat(FORGET_SECONDS, partial(forget, database))

    def outbox(self, database: Database, source: str) -> Outbox:
        """Open the outbox in the service's database, and publish what is written to it; without Kafka it only fills.

        `source` is the ce_source of its events, for example "//inventory.example.com".
        """
        if self._settings.kafka:
            relay = Relay(database, self._settings.kafka)
            background = self.background()
            background.repeat(RESTART_SECONDS, relay.run)
            background.repeat(LOOK_SECONDS, relay.look)
        else:
            logger.warning("events wait in the outbox: KAFKA_BOOTSTRAP_SERVERS is not set")
        self._management.report_events("outbox", partial(report_outbox, database))
        return Outbox(source)

    def consume(self, database: Database, handlers: Handlers) -> None:
        """Have each event take its effect in the service's database, as `handlers` says; without Kafka none comes."""
        if not self._settings.kafka:
            logger.warning("no events come: KAFKA_BOOTSTRAP_SERVERS is not set")
            return
        consumer = Consumer(database, self._settings.kafka, self._settings.service, handlers)
        background = self.background()
        background.repeat(RESTART_SECONDS, consumer.run)
        background.repeat(FORGET_SECONDS, consumer.forget)
        self._management.report_events("consumer", consumer.report)


# Adds the service's servicers to the server and answers their full names, for health and reflection; one that answers
# none sees to reflection itself.
Register = Callable[[grpc.aio.Server, Runtime], Awaitable[Iterable[str]]]


def serve(service: str, register: Register, errors: ErrorTable) -> None:
    """Run the service until SIGTERM or SIGINT; exit with 2 if its environment does not let it start.

    `service` is its name in the mesh, for example "inventory". With the argument `replay-dead-letters` it only has the
    running service's consumers take its dead letters again, and says how many those are.
    """
    try:
        if sys.argv[1:] == [REPLAY]:
            _replay(Settings.read(service, os.environ))
            return
        with suppress(asyncio.CancelledError):
            asyncio.run(_run(service, register, errors))
    except ConfigError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(2)


def perform(name: str, job: Callable[[Runtime], Awaitable[int]]) -> None:
    """Do a job and exit with the code that it answers; with 2 if its environment does not let it begin.

    It listens nowhere, and writes no log beside what it says itself.
    """
    try:
        code = asyncio.run(_perform(Settings.read(name, os.environ), job))
    except ConfigError as error:
        sys.stderr.write(f"{name}: {error}\n")
        code = 2
    except (asyncio.CancelledError, KeyboardInterrupt):
        code = 130
    sys.exit(code)


async def _perform(settings: Settings, job: Callable[[Runtime], Awaitable[int]]) -> int:
    _cancel_on_signal(asyncio.current_task())
    async with AsyncExitStack() as closing:
        tracing = telemetry.Telemetry(settings.service, settings.version, os.environ)
        closing.push_async_callback(asyncio.to_thread, tracing.shutdown)
        return await job(Runtime(settings, Management(), closing))


def _replay(settings: Settings) -> None:
    if not settings.kafka:
        raise ConfigError("KAFKA_BOOTSTRAP_SERVERS: is not set")
    try:
        count = DeadLetters(settings.kafka, settings.service).replay()
    except KafkaException as error:
        sys.stderr.write(f"{settings.service}: {error.args[0]}\n")
        sys.exit(1)
    sys.stdout.write(f"{count} dead letters are taken again\n")


async def _run(service: str, register: Register, errors: ErrorTable) -> None:
    settings = Settings.read(service, os.environ)
    configure_logs(service, settings.version, settings.log_level)
    _cancel_on_signal(asyncio.current_task())
    # What is opened here is closed last first: /ready says 503 and health NOT_SERVING, streams are ended, calls under
    # way end, what the service used is closed, the last spans are sent, and the management port goes, which answered
    # all the while.
    async with AsyncExitStack() as closing:
        management = Management()
        closing.push_async_callback(management.stop)
        await management.start(*settings.management)
        tracing = telemetry.Telemetry(service, settings.version, os.environ)
        closing.push_async_callback(asyncio.to_thread, tracing.shutdown)

        stopping = asyncio.Event()
        server = grpc.aio.server(
            interceptors=[telemetry.server_interceptor(), CallInterceptor(errors, stopping)],
            options=[
                ("grpc.max_receive_message_length", MOST_BYTES),
                ("grpc.max_send_message_length", MOST_BYTES),
                ("grpc.max_metadata_size", MOST_METADATA_BYTES),
                # Two processes that share a port by mistake would each get half of the calls.
                ("grpc.so_reuseport", 0),
            ],
        )
        names = list(await register(server, Runtime(settings, management, closing)))
        compile_rules(names)
        probes = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(probes, server)
        if names:
            add_reflection(server, names)
        for address in settings.listen:
            _bind(server, address)
        await server.start()
        closing.push_async_callback(server.stop, GRACE_SECONDS)
        closing.callback(stopping.set)
        closing.push_async_callback(probes.enter_graceful_shutdown)
        for name in names:
            await probes.set(name, health_pb2.HealthCheckResponse.SERVING)
        closing.callback(management.want_calls, ready=False)
        management.want_calls(ready=True)
        logger.info("serving", extra={"listen": list(settings.listen), "services": names})
        await asyncio.Event().wait()


def _cancel_on_signal(task: asyncio.Task[Any] | None) -> None:
    """SIGTERM and SIGINT end `task` as a cancellation, once; whatever it holds open is then closed in order."""
    assert task is not None  # noqa: S101  # for mypy: a coroutine under asyncio.run has a task

    def cancel() -> None:
        if not task.cancelling():
            logger.info("stopping")
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, cancel)


def _bind(server: grpc.aio.Server, address: str) -> None:
    path = socket_path(address)
    try:
        if path is None:
            _try_port(address)
        else:
            _try_path(Path(path))
        server.add_insecure_port(address)
    except (OSError, RuntimeError) as error:
        text = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"GRPC_LISTEN: cannot listen on {address}: {text}") from error


def _try_port(address: str) -> None:
    # gRPC would say why in lines of its own, on standard error, and raise less.
    host, port = host_port("GRPC_LISTEN", address)
    for family, kind, _, _, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(sockaddr)


def _try_path(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # gRPC removes a socket file that is in its way, even if another process listens there.
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
