"""A real Kafka for tests, in its own folder and on its own ports."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from rich.console import Console
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from mesh.local.errors import MeshError
from mesh.local.kafka import broker
from mesh.local.kafka.fetch import fetch
from tests.support.orphans import END_WITH_PARENT
from tests.support.processes import free_port

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 30
READ_SECONDS = 10.0
# A group is empty once its members have left, or their sessions have timed out.
EMPTY_SECONDS = 20


class UnavailableError(Exception):
    """Kafka cannot run on this machine; the text says why."""


class Broker:
    """A broker of one node. A restart keeps its data and its ports, so clients reconnect."""

    def __init__(self, folder: Path) -> None:
        """Start the broker. Raises UnavailableError."""
        try:
            self._home = fetch(Console(quiet=True))
        except MeshError as error:
            raise UnavailableError(str(error)) from error
        self._folder = folder
        self._port, controller = free_port(), free_port()
        properties = broker.single_node("127.0.0.1", self._port, controller, Path("data"))
        self._env = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in properties.items()}
        self.start()

    @property
    def address(self) -> str:
        """The address, `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that a service needs to use the broker."""
        return {"KAFKA_BOOTSTRAP_SERVERS": self.address}

    def start(self) -> None:
        """Start the broker and wait until it serves."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*END_WITH_PARENT, sys.executable, "-m", "mesh.local.kafka", str(self._home)],
                cwd=self._folder,
                env=self._env,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def stop(self) -> None:
        """Stop the broker and wait until it has ended."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_SECONDS)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the broker, and start it again at the end of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def records(self, topic: str) -> list[Message]:
        """Return all records of a topic, partition by partition."""
        client = Consumer({"bootstrap.servers": self.address, "group.id": "tests", "enable.auto.commit": False})
        records: list[Message] = []
        try:
            for number in client.list_topics(topic, READ_SECONDS).topics[topic].partitions:
                low, high = client.get_watermark_offsets(TopicPartition(topic, number), READ_SECONDS)
                client.assign([TopicPartition(topic, number, low)])
                while low < high and (record := client.poll(READ_SECONDS)) is not None:
                    records.append(record)
                    low = (record.offset() or 0) + 1
        finally:
            client.close()
        return records

    def send(self, topic: str, *records: tuple[bytes, bytes, dict[str, bytes]]) -> None:
        """Publish records. Each is its key, value and headers."""
        producer = Producer({"bootstrap.servers": self.address})
        for key, value, headers in records:
            producer.produce(topic, key=key, value=value, headers=[*headers.items()])
        assert producer.flush(READ_SECONDS) == 0

    @retry(stop=stop_after_delay(EMPTY_SECONDS), wait=wait_fixed(0.5), retry=retry_if_exception_type(KafkaException))
    def rewind(self, group: str) -> None:
        """Delete the offsets of a consumer group once it is empty: it then starts at the first record."""
        client = AdminClient({"bootstrap.servers": self.address})
        if group in {listing.group_id for listing in client.list_consumer_groups().result().valid}:
            client.delete_consumer_groups([group])[group].result()

    @retry(
        stop=stop_after_delay(START_TIMEOUT_SECONDS),
        wait=wait_fixed(0.02),
        retry=retry_if_exception_type(KafkaException),
    )
    def _wait(self) -> None:
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=1)


def headers_of(record: Message) -> dict[str, bytes]:
    """Return the headers of a record."""
    return {name: value for name, value in dict(record.headers() or ()).items() if isinstance(value, bytes)}
