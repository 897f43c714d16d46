"""Kafka's files. `python -m mesh.local.kafka.fetch` updates the lock file of its jars."""

import subprocess
import tempfile
from pathlib import Path

from rich.console import Console

from mesh.local import java
from mesh.local.java import Program, training
from mesh.local.kafka import broker

KAFKA = Program("Kafka", Path(__file__).parent / "jars.lock.toml")
JARS = ("org.apache.kafka:kafka_2.13:4.1.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3")
"""Kafka, and a binding for slf4j, through which it logs. No jar depends on that one; the image adds it."""
BROKER_PORT, CONTROLLER_PORT = 9092, 9093


def fetch(console: Console) -> Path:
    """Fetch what is missing and return the folder of Kafka. Raises MeshError."""
    return java.fetch(KAFKA, console, _train)


def classpath(kafka: Program) -> str:
    """Return all jars in the order of the lock file. The ahead-of-time cache is valid for this class path only."""
    return ":".join(str(jar) for jar in kafka.jars(kafka.folder / "repository"))


def _train() -> None:
    with tempfile.TemporaryDirectory() as folder:
        training.check_port(BROKER_PORT)
        here, environment = Path(folder), broker.environment()
        broker.prepare(here, broker.single_node(training.HOST, BROKER_PORT, CONTROLLER_PORT, Path("data")))
        form = broker.format_command(KAFKA.java, classpath(KAFKA))
        seconds = training.TIMEOUT_SECONDS
        subprocess.run(form, cwd=here, env=environment, check=True, capture_output=True, timeout=seconds)
        command = broker.command(KAFKA.java, classpath(KAFKA), [training.recording(KAFKA)])
        training.record(KAFKA, command, here, environment, BROKER_PORT)


if __name__ == "__main__":
    java.relock(KAFKA, *JARS, resolve=True)
