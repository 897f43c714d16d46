"""The relay: carries events from the outbox to Kafka, in their sequence, each at least once.

It is woken by every commit of its own process, and looks by the clock for what another replica, or a process that
died, has left. While Kafka is away the events that were taken wait in the client, which connects anew by itself, and
the others in the outbox: no call waits for them.
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from services.runtime.database import Database
from services.runtime.events import outbox
from services.runtime.events.outbox import Letter

# Events in one go: two commits of ours and one round trip to Kafka are shared by so many.
MOST_LETTERS = 500
# How often it looks without having been woken.
LOOK_SECONDS = 1.0
# How long a relay that died keeps the others from its work, and how long it waits before it prolongs its lease.
LEASE = timedelta(seconds=15)
# How long a thread waits for Kafka before it looks whether it is still wanted.
SLICE_SECONDS = 0.25

logger = logging.getLogger(__name__)


class Relay:
    """The relay of one process."""

    def __init__(self, database: Database, kafka: Mapping[str, str]) -> None:
        """`kafka` is what the client needs to find Kafka, by librdkafka's names."""
        self._database = database
        self._settings = kafka
        self._holder = str(uuid.uuid4())
        self._woken = asyncio.Event()
        database.after_write(self._woken.set)

    async def look(self) -> None:
        """Have it look for what other processes have left."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled. Raises KafkaException if the client fails for good: then run it anew."""
        producer = Producer(
            {
                **self._settings,
                "enable.idempotence": True,
                # An event is given up by nobody: one that failed alone would let its followers overtake it.
                "message.timeout.ms": 0,
                "linger.ms": 0,
            },
            logger=logger,
        )
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while await self._publish(producer):
                    pass
        finally:
            # What Kafka does not have yet stays in the outbox.
            producer.purge(blocking=False)

    async def _publish(self, producer: Producer) -> bool:
        """Publish what comes next; whether there may be more."""
        async with self._database.read() as connection:
            if not await outbox.first(connection, 1):
                return False
        async with self._database.write(shared=True) as connection:
            if not await outbox.claim(connection, self._holder, LEASE):
                return False
            letters = await outbox.first(connection, MOST_LETTERS)
        await self._send(producer, letters)
        async with self._database.write(shared=True) as connection:
            await outbox.remove(connection, letters)
            if not await outbox.first(connection, 1):
                await outbox.release(connection, self._holder)
        logger.info("events published", extra={"events": len(letters)})
        return True

    async def _send(self, producer: Producer, letters: Sequence[Letter]) -> None:
        """Give the letters to Kafka and wait until it has them all. Raises KafkaException."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        for letter in letters:
            producer.produce(
                letter.topic,
                value=letter.payload,
                key=letter.key,
                headers=[*letter.headers.items()],
                on_delivery=delivered,
            )
        prolonged = datetime.now(UTC)
        while await asyncio.to_thread(producer.flush, SLICE_SECONDS):
            if datetime.now(UTC) - prolonged > LEASE / 3:
                prolonged = datetime.now(UTC)
                logger.warning("Kafka has not taken the events yet", extra={"events": len(letters)})
                async with self._database.write(shared=True) as connection:
                    # Whoever took it meanwhile publishes these events too; consumers know them by their ids.
                    await outbox.claim(connection, self._holder, LEASE)
        if failures:
            raise KafkaException(failures[0])
