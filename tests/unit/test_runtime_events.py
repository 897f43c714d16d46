"""The outbox, its relay and the inbox, with a fake Kafka producer whose failures tests control."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from google.protobuf.duration_pb2 import Duration

from services.runtime.events import Outbox, inbox, outbox, relay
from services.runtime.events.event import MalformedRecordError, read_event, topic_of, write_headers
from services.runtime.storage import Database
from services.runtime.storage.database import open_database
from services.runtime.telemetry import Tracing
from tests.support.clock import eventually

SERVICES = Path(relay.__file__).parents[2]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADERS = write_headers("1", "google.protobuf.Duration", "//here.example.com", "things/1", NOW)
TYPES = {"google.protobuf.Duration": Duration}
LEASE = timedelta(seconds=10)
NO_SPANS = Tracing("things", "1", {})
BOX = Outbox("//here.example.com")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Open a database with an outbox."""
    opened = await open_database(f"sqlite:///{tmp_path}/one.db", SERVICES / "orders/migrations")
    yield opened
    await opened.close()


@pytest.fixture
async def receiving(tmp_path: Path) -> AsyncIterator[Database]:
    """Open a database with an inbox."""
    opened = await open_database(f"sqlite:///{tmp_path}/two.db", SERVICES / "notifications/migrations")
    yield opened
    await opened.close()


class _Producer:
    """Accepts records, or fails with `failure`."""

    sent: list[tuple[str, str, bytes]]
    failure: KafkaError | None

    def __init__(self, _: object, **__: object) -> None:
        self._waiting: list[Callable[[KafkaError | None, Any], None]] = []

    def produce(self, topic: str, *, key: str, value: bytes, on_delivery: Callable[..., None], **_: object) -> None:
        if self.failure is None:
            self.sent.append((topic, key, value))
        self._waiting.append(on_delivery)

    def flush(self, _: float) -> int:
        for delivered in self._waiting:
            delivered(self.failure, None)
        self._waiting.clear()
        return 0

    def purge(self, **_: object) -> None:
        self._waiting.clear()


@pytest.fixture
def kafka() -> type[_Producer]:
    _Producer.sent, _Producer.failure = [], None
    return _Producer


async def publish(database: Database, *seconds: int) -> None:
    """Write an event for each number of seconds."""
    async with database.write() as connection:
        for number in seconds:
            await BOX.add(connection, Duration(seconds=number), key="one", subject="things/one")


async def waiting(database: Database) -> object:
    return (await outbox.report_outbox(database))["waiting"]


def test_an_event_is_read_as_it_was_written() -> None:
    event = read_event(HEADERS, Duration(seconds=7).SerializeToString(), TYPES)
    assert event is not None
    assert (event.id, event.type, event.time) == ("1", "google.protobuf.Duration", NOW)
    assert (event.source, event.subject, event.message) == ("//here.example.com", "things/1", Duration(seconds=7))
    assert topic_of(event.message) == "google.protobuf.events"


def test_an_event_of_another_type_is_skipped() -> None:
    assert read_event(HEADERS, b"\xff", {}) is None


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({}, b""),
        ({**HEADERS, "ce_id": ""}, b""),
        ({**HEADERS, "ce_time": "yesterday"}, b""),
        ({**HEADERS, "ce_time": "2026-01-02T03:04:05"}, b""),
        ({name: value for name, value in HEADERS.items() if name != "ce_time"}, b""),
        (HEADERS, b"\xff"),
    ],
    ids=["no headers", "no id", "no time of day", "no time zone", "no time", "no message"],
)
def test_a_record_that_is_no_event_is_malformed(headers: dict[str, str], value: bytes) -> None:
    with pytest.raises(MalformedRecordError):
        read_event(headers, value, TYPES)


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end: it must not use the database after that is closed."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_an_event_is_committed_with_its_change(database: Database) -> None:
    with suppress(ZeroDivisionError):
        async with database.write() as connection:
            await BOX.add(connection, Duration(seconds=1), key="one", subject="things/one")
            raise ZeroDivisionError
    assert await waiting(database) == 0
    await publish(database, 2)
    assert await waiting(database) == 1


async def test_only_one_relay_at_a_time_has_the_lease(database: Database) -> None:
    async def claimed(holder: str, period: timedelta = LEASE) -> bool:
        async with database.write() as connection:
            return await outbox.acquire_lease(connection, holder, period)

    assert await claimed("one")
    assert not await claimed("two")
    assert await claimed("one", timedelta(0))
    await asyncio.sleep(0.01)
    assert await claimed("two")
    async with database.write() as connection:
        await outbox.release_lease(connection, "one")
    assert not await claimed("one")
    async with database.write() as connection:
        await outbox.release_lease(connection, "two")
    await asyncio.sleep(0.01)
    assert await claimed("one")


async def test_a_commit_wakes_the_relay_which_sends_events_in_order(database: Database, kafka: type[_Producer]) -> None:
    running = asyncio.create_task(relay.Relay(database, {}, NO_SPANS, cast("Any", kafka)).run())
    await publish(database, 1, 2)
    await publish(database, 3)
    async for attempt in eventually():
        with attempt:
            assert await waiting(database) == 0
    assert [Duration.FromString(value).seconds for _, _, value in kafka.sent] == [1, 2, 3]
    assert {(topic, key) for topic, key, _ in kafka.sent} == {("google.protobuf.events", "one")}
    await cancel(running)


async def test_an_event_that_kafka_did_not_accept_stays_in_the_outbox(
    database: Database, kafka: type[_Producer]
) -> None:
    kafka.failure = KafkaError(KafkaError._FATAL)  # noqa: SLF001  # its public name
    working = relay.Relay(database, {}, NO_SPANS, cast("Any", kafka))
    await publish(database, 1)
    with pytest.raises(KafkaException):
        await working.run()
    assert await waiting(database) == 1
    kafka.failure = None
    await working.wake()
    again = asyncio.create_task(working.run())
    async for attempt in eventually():
        with attempt:
            assert await waiting(database) == 0
    assert len(kafka.sent) == 1
    await cancel(again)


async def test_an_event_is_new_until_its_effect_is_committed(receiving: Database) -> None:
    with suppress(ZeroDivisionError):
        async with receiving.write() as connection:
            assert await inbox.record(connection, "1", "t")
            raise ZeroDivisionError
    async with receiving.write() as connection:
        assert await inbox.record(connection, "1", "t")
        assert not await inbox.record(connection, "1", "t")
        assert await inbox.record(connection, "2", "t")


async def test_expired_inbox_entries_are_deleted(receiving: Database) -> None:
    async with receiving.write() as connection:
        await inbox.record(connection, "1", "t")
        assert await inbox.delete_expired(connection) == 0
        assert await inbox.delete_expired(connection, retention=timedelta(seconds=-1)) == 1
