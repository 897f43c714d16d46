"""Replaces the image apache/kafka: a broker in the working directory, configured by KAFKA_… and CLUSTER_ID.

Run it with `python -m mesh.local.kafka <home>`, where <home> is the folder with Kafka's jars and Java. The first start
formats the storage. Then this process is replaced by Java's, which shuts down in order on SIGTERM.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from mesh.local.kafka import broker
from mesh.local.kafka.fetch import KAFKA, classpath


def main(home: Path) -> None:
    """Format the storage if it is new, and replace this process by the broker."""
    here = Path.cwd()
    values = broker.from_environment(os.environ)
    broker.prepare(here, values)
    kafka = replace(KAFKA, fixed=home)
    if not (Path(values["log.dirs"]) / "meta.properties").exists():
        cluster = os.environ.get("CLUSTER_ID", broker.CLUSTER)
        form = broker.format_command(kafka.java, classpath(kafka), cluster)
        subprocess.run(form, env=broker.environment(), check=True)
    heap = os.environ.get("KAFKA_HEAP_OPTS", broker.HEAP)
    command = broker.command(kafka.java, classpath(kafka), [f"-XX:AOTCache={kafka.archive}"], heap)
    sys.stdout.flush()
    os.execve(command[0], command, broker.environment())  # noqa: S606  # without a shell


if __name__ == "__main__":
    main(Path(sys.argv[1]))
