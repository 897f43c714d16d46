"""A real Kafka for tests, in a folder and on ports of its own; and what lies in its topics."""

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
from tests.orphans import END_WITH_PARENT
from tests.services.harness import free_port

START_SECONDS = 60
STOP_SECONDS = 30
READ_SECONDS = 10.0
LEAVE_SECONDS = 20


class UnavailableError(Exception):
    """Kafka cannot be had on this machine; the text says why."""


class Broker:
    """A broker of one node. It keeps its data, its ports and so its clients from one start to the next."""

    def __init__(self, folder: Path) -> None:
        """Start it. Raises UnavailableError."""
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
        """`host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a service is told of it."""
        return {"KAFKA_BOOTSTRAP_SERVERS": self.address}

    def start(self) -> None:
        """Start it and wait until it serves."""
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
        """End it in good order."""
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have it be away for the length of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def records(self, topic: str) -> list[Message]:
        """Answer everything that lies in a topic, partition by partition."""
        client = Consumer({"bootstrap.servers": self.address, "group.id": "tests", "enable.auto.commit": False})
        found: list[Message] = []
        try:
            for number in client.list_topics(topic, READ_SECONDS).topics[topic].partitions:
                low, high = client.get_watermark_offsets(TopicPartition(topic, number), READ_SECONDS)
                client.assign([TopicPartition(topic, number, low)])
                while low < high and (record := client.poll(READ_SECONDS)) is not None:
                    found.append(record)
                    low = (record.offset() or 0) + 1
        finally:
            client.close()
        return found

    def send(self, topic: str, *records: tuple[bytes, bytes, dict[str, bytes]]) -> None:
        """Write records: key, value and headers of each."""
        producer = Producer({"bootstrap.servers": self.address})
        for key, value, headers in records:
            producer.produce(topic, key=key, value=value, headers=[*headers.items()])
        assert producer.flush(READ_SECONDS) == 0

    @retry(stop=stop_after_delay(LEAVE_SECONDS), wait=wait_fixed(0.5), retry=retry_if_exception_type(KafkaException))
    def rewind(self, group: str) -> None:
        """Have a consumer group, once its last member has left, begin at the beginning again."""
        client = AdminClient({"bootstrap.servers": self.address})
        if group in {found.group_id for found in client.list_consumer_groups().result().valid}:
            client.delete_consumer_groups([group])[group].result()

    @retry(stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.02), retry=retry_if_exception_type(KafkaException))
    def _wait(self) -> None:
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=1)


def headers_of(record: Message) -> dict[str, bytes]:
    """Answer a record's headers."""
    return {name: value for name, value in dict(record.headers() or ()).items() if isinstance(value, bytes)}
