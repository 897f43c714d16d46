"""serve() and run_job(): one process of one service, from its environment to its clean end."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop
from confluent_kafka import KafkaException

from services.runtime.background import Background
from services.runtime.config import ConfigError, Settings
from services.runtime.events import Consumer, Handlers, Outbox
from services.runtime.events.dead_letters import DeadLetters
from services.runtime.events.outbox import measure_outbox, report_outbox
from services.runtime.events.relay import POLL_INTERVAL_SECONDS, Relay
from services.runtime.logs import configure_logs
from services.runtime.management import Management, Report
from services.runtime.metrics import CallMetrics, EventLoopLag, Metrics
from services.runtime.rpc.channel import open_channel
from services.runtime.rpc.errors import ErrorTable
from services.runtime.rpc.interceptor import CallInterceptor
from services.runtime.rpc.server import create_server, start_server
from services.runtime.storage.database import Database, open_database
from services.runtime.storage.idempotency import delete_expired
from services.runtime.telemetry import Tracing

# Pause before a relay or a consumer that failed runs again. Kafka delivers the same records again.
RESTART_SECONDS = 1.0
# How often expired requests and inbox entries are deleted.
CLEANUP_INTERVAL_SECONDS = 3600.0
REPLAY = "replay-dead-letters"

logger = logging.getLogger(__name__)


class Runtime:
    """What a service gets from its process. Everything it opens is closed, last first, after the server has stopped."""

    def __init__(
        self,
        settings: Settings,
        management: Management,
        metrics: Metrics,
        tracing: Tracing,
        closing: AsyncExitStack,
    ) -> None:
        self.metrics = metrics
        self.tracing = tracing
        self._settings = settings
        self._management = management
        self._closing = closing

    def setting(self, name: str, default: str) -> str:
        """Return the environment variable <SERVICE>_<name>, or `default` if it is not set."""
        return self._settings.own.get(name, default)

    def publish(self, path: str, report: Report) -> None:
        """Serve the JSON of `report` at GET `path` on the management port, for clients that do not speak gRPC."""
        self._management.publish(path, report)

    async def database(self, versions: Path) -> Database:
        """Open the service's database, migrated to the newest revision in the folder `versions`."""
        database = await open_database(self._settings.database_url, versions)
        self._closing.push_async_callback(database.close)
        self.metrics.register(database)
        return database

    def channel(self, service: str) -> grpc.aio.Channel:
        """Open a channel to another service, for example "catalog"."""
        channel = open_channel(self._settings, service, self.tracing)
        self._closing.push_async_callback(channel.close)
        return channel

    @property
    def kafka(self) -> Mapping[str, str]:
        """The librdkafka settings of a Kafka client; empty if Kafka is not configured."""
        return self._settings.kafka

    def background(self) -> Background:
        """Create a runner of background work. Call it last: its work ends before what was opened earlier is closed."""
        background = Background()
        self._closing.push_async_callback(background.close)
        return background

    def delete_expired_requests(self, database: Database) -> None:
        """Delete request keys from time to time that are older than their retention (storage/idempotency.py)."""
        self.background().repeat(CLEANUP_INTERVAL_SECONDS, partial(delete_expired, database))

    def outbox(self, database: Database, source: str) -> Outbox:
        """Open the outbox in the service's database and publish its events. Without Kafka they only accumulate.

        `source` is the ce_source of the events, for example "//inventory.example.com".
        """
        if self._settings.kafka:
            relay = Relay(database, self._settings.kafka, self.tracing)
            background = self.background()
            background.repeat(RESTART_SECONDS, relay.run)
            background.repeat(POLL_INTERVAL_SECONDS, relay.wake)
        else:
            logger.warning("events stay in the outbox: KAFKA_BOOTSTRAP_SERVERS is not set")
        self._management.report_events("outbox", partial(report_outbox, database))
        self.metrics.measure("outbox", partial(measure_outbox, database))
        return Outbox(source)

    def consume(self, database: Database, handlers: Handlers) -> None:
        """Consume events and run their `handlers` in the service's database. Without Kafka no events arrive."""
        if not self._settings.kafka:
            logger.warning("no events are consumed: KAFKA_BOOTSTRAP_SERVERS is not set")
            return
        consumer = Consumer(database, self._settings.kafka, self._settings.service, handlers, self.tracing)
        background = self.background()
        background.repeat(RESTART_SECONDS, consumer.run)
        background.repeat(CLEANUP_INTERVAL_SECONDS, consumer.delete_expired)
        self._management.report_events("consumer", consumer.report)
        self.metrics.register(consumer)
        self.metrics.measure("dead_letters", DeadLetters(self._settings.kafka, self._settings.service).measure)


# Adds the service's servicers to the server and returns their full names, for health and reflection. A service that
# returns none handles reflection itself.
Register = Callable[[grpc.aio.Server, Runtime], Awaitable[Iterable[str]]]


def serve(
    service: str,
    register: Register,
    errors: ErrorTable,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> None:
    """Run a service until SIGTERM or SIGINT. Exits with 2 if its environment is invalid.

    `service` is its name in the mesh, for example "inventory". `interceptors` run last, around valid calls. With the
    argument `replay-dead-letters` the process only moves the service's dead letters back to its running consumers, and
    prints how many it moved.
    """
    try:
        if sys.argv[1:] == [REPLAY]:
            _replay(Settings.read(service, os.environ))
            return
        with suppress(asyncio.CancelledError):
            uvloop.run(_serve(service, register, errors, interceptors))
    except ConfigError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(2)


def run_job(name: str, job: Callable[[Runtime], Awaitable[int]]) -> None:
    """Run a job and exit with the code that it returns, or with 2 if its environment is invalid.

    It does not listen, and writes no log except what the job itself prints.
    """
    try:
        code = uvloop.run(_run_job(Settings.read(name, os.environ), job))
    except ConfigError as error:
        sys.stderr.write(f"{name}: {error}\n")
        code = 2
    except (asyncio.CancelledError, KeyboardInterrupt):
        code = 130
    sys.exit(code)


async def _run_job(settings: Settings, job: Callable[[Runtime], Awaitable[int]]) -> int:
    cancel_on_signal(asyncio.current_task())
    async with AsyncExitStack() as closing:
        tracing = Tracing(settings.service, settings.version, os.environ)
        closing.push_async_callback(tracing.close)
        metrics = Metrics()
        with tracing.work(f"run {settings.service}"):
            return await job(Runtime(settings, Management(metrics), metrics, tracing, closing))


def _replay(settings: Settings) -> None:
    if not settings.kafka:
        raise ConfigError("KAFKA_BOOTSTRAP_SERVERS: is not set")
    try:
        count = DeadLetters(settings.kafka, settings.service).replay()
    except KafkaException as error:
        sys.stderr.write(f"{settings.service}: {error.args[0]}\n")
        sys.exit(1)
    sys.stdout.write(f"{count} dead letters are replayed\n")


async def _serve(
    service: str, register: Register, errors: ErrorTable, interceptors: Sequence[grpc.aio.ServerInterceptor]
) -> None:
    settings = Settings.read(service, os.environ)
    log_call = configure_logs(service, settings.version, settings.log_level)
    cancel_on_signal(asyncio.current_task())
    # Closed in reverse order: /ready returns 503, health reports NOT_SERVING, streams end, running calls finish, the
    # service's resources are closed, the last spans are sent. The management port responds until the very end.
    async with AsyncExitStack() as closing:
        metrics, calls, lag = Metrics(), CallMetrics(), EventLoopLag()
        metrics.register(calls)
        metrics.register(lag)
        closing.callback(lag.stop)
        management = Management(metrics)
        closing.push_async_callback(metrics.close)
        closing.push_async_callback(management.stop)
        await management.start(*settings.management)
        tracing = Tracing(service, settings.version, os.environ)
        metrics.register(tracing)
        closing.push_async_callback(tracing.close)

        stopping = asyncio.Event()
        around_call = CallInterceptor(errors, stopping, tracing, log_call, calls)
        # The last ones run around calls that are valid.
        server = create_server([around_call, *interceptors])
        names = list(await register(server, Runtime(settings, management, metrics, tracing, closing)))
        calls.add_services(names)
        await start_server(server, names, settings.listen, stopping, closing)
        closing.callback(management.set_ready, ready=False)
        # What the imports created stays until the end. A full collection would look at all of it: 30 ms in which no
        # call gets a reply.
        gc.freeze()
        management.set_ready(ready=True)
        logger.info("serving", extra={"listen": list(settings.listen), "services": names})
        await asyncio.Event().wait()


def cancel_on_signal(task: asyncio.Task[Any] | None) -> None:
    """Cancel `task` once on SIGTERM or SIGINT, so that everything it opened is closed in order."""
    assert task is not None  # noqa: S101  # for mypy: a coroutine under uvloop.run has a task

    def cancel() -> None:
        if not task.cancelling():
            logger.info("stopping")
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, cancel)
