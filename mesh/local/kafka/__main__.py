"""What stands for the image apache/kafka: a broker in the working directory, configured by KAFKA_ and CLUSTER_ID.

`python -m mesh.local.kafka <home>`, where <home> is the folder of the finished Kafka. The storage is prepared at the
first start. Then this process becomes Java's, which SIGTERM ends in good order.
"""

import os
import subprocess
import sys
from pathlib import Path

from mesh.local.kafka import broker, jars


def main(home: Path) -> None:
    """Prepare the storage if it is new, and become the broker."""
    here = Path.cwd()
    values = broker.from_environment(os.environ)
    broker.prepare(here, values)
    java, classpath = jars.java(home), jars.classpath(home)
    if not (Path(values["log.dirs"]) / "meta.properties").exists():
        cluster = os.environ.get("CLUSTER_ID", broker.CLUSTER)
        subprocess.run(broker.format_command(java, classpath, cluster), env=broker.environment(), check=True)
    heap = os.environ.get("KAFKA_HEAP_OPTS", broker.HEAP)
    command = broker.command(java, classpath, [f"-XX:AOTCache={jars.archive(home)}"], heap)
    sys.stdout.flush()
    os.execve(command[0], command, broker.environment())  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(Path(sys.argv[1]))
