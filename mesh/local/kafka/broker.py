"""How a broker is configured and started: the environment of the image apache/kafka, and Java's command lines."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

LOGGING = Path(__file__).parent / "log4j2.properties"
PROPERTIES = "server.properties"
CLUSTER = "Z3JwYy1tZXNoLWxvY2FsMQ"
"""The id of a cluster that has no other."""
# IPv4 alone: the node's addresses are IPv4, and they are shown as such.
JVM = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true"]
HEAP = "-Xmx256m"
NOT_PROPERTIES = {"KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_OPTS"}


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Answer Kafka's properties as its image reads them: KAFKA_NODE_ID is node.id, and so on."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environ.items()
        if name.startswith("KAFKA_") and name not in NOT_PROPERTIES
    }


def single(host: str, broker: int, controller: int, data: Path) -> dict[str, str]:
    """Answer the properties of a cluster of one node, which is broker and controller, on two ports of `host`."""
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{broker}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{host}:{controller}",
        "log.dirs": str(data),
        "num.partitions": "3",
        "offsets.topic.num.partitions": "3",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "group.initial.rebalance.delay.ms": "0",
    }


def properties(values: Mapping[str, str]) -> str:
    """Write a properties file."""
    return "".join(f"{name}={value}\n" for name, value in sorted(values.items()))


def prepare(folder: Path, values: Mapping[str, str]) -> None:
    """Write the configuration into a folder, from which the commands below are to be run.

    They name its files without a path: Java and log4j do not take every character that a path may have.
    """
    (folder / PROPERTIES).write_text(properties(values))
    shutil.copyfile(LOGGING, folder / LOGGING.name)


def environment() -> dict[str, str]:
    """Return Java's environment. It reads and writes the names of files as the locale says."""
    return os.environ | {"LC_ALL": "C.UTF-8"}


def format_command(java: Path, classpath: str, cluster: str = CLUSTER) -> list[str]:
    """The command that prepares an empty data folder, as PROPERTIES names it."""
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", PROPERTIES]
    return [str(java), *JVM, *_logging(), "-cp", classpath, *tool]


def command(java: Path, classpath: str, options: Sequence[str] = (), heap: str = HEAP) -> list[str]:
    """The command that runs the broker of PROPERTIES; `options` are Java's."""
    main = ["kafka.Kafka", PROPERTIES]
    return [str(java), *heap.split(), *JVM, *options, *_logging(), "-cp", classpath, *main]


def _logging() -> list[str]:
    # Kafka's use of sun.misc.Unsafe, and what of the first run did not fit, would be told at each start.
    quiet = ["--sun-misc-unsafe-memory-access=allow", "-Xlog:disable", "-Xlog:all=error:stdout"]
    return [f"-Dlog4j2.configurationFile={LOGGING.name}", *quiet]
