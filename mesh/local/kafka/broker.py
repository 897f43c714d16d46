"""The configuration of a broker, from the environment of the image apache/kafka, and the command lines of Java."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

LOGGING = Path(__file__).parent / "log4j2.properties"
PROPERTIES = "server.properties"
CLUSTER = "Z3JwYy1tZXNoLWxvY2FsMQ"
"""The default cluster id."""
# IPv4 only, as the node's addresses: else Java shows them as IPv6 addresses.
JVM = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true"]
HEAP = "-Xmx256m"
NOT_PROPERTIES = {"KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_OPTS"}


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Convert the environment to Kafka's properties by the rule of its image: KAFKA_NODE_ID is node.id, and so on."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environ.items()
        if name.startswith("KAFKA_") and name not in NOT_PROPERTIES
    }


def single_node(host: str, broker_port: int, controller_port: int, data: Path) -> dict[str, str]:
    """Return the properties of a cluster with one node, which is broker and controller, on two ports of `host`."""
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://{host}:{broker_port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{broker_port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{host}:{controller_port}",
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
    """Format a properties file."""
    return "".join(f"{name}={value}\n" for name, value in sorted(values.items()))


def prepare(folder: Path, values: Mapping[str, str]) -> None:
    """Write the configuration into a folder, which must be the working directory of the commands below.

    They name its files without a path, because Java and log4j do not accept every character in a path.
    """
    (folder / PROPERTIES).write_text(properties(values))
    shutil.copyfile(LOGGING, folder / LOGGING.name)


def environment() -> dict[str, str]:
    """Return Java's environment. The locale determines how Java encodes file names."""
    return os.environ | {"LC_ALL": "C.UTF-8"}


def format_command(java: Path, classpath: str, cluster: str = CLUSTER) -> list[str]:
    """Return the command that formats the data folder that PROPERTIES names."""
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", PROPERTIES]
    return [str(java), *JVM, *_logging(), "-cp", classpath, *tool]


def command(java: Path, classpath: str, options: Sequence[str] = (), heap: str = HEAP) -> list[str]:
    """Return the command that runs the broker of PROPERTIES; `options` are options of Java."""
    main = ["kafka.Kafka", PROPERTIES]
    return [str(java), *heap.split(), *JVM, *options, *_logging(), "-cp", classpath, *main]


def _logging() -> list[str]:
    # Else Java warns at each start about Kafka's use of sun.misc.Unsafe and about classes missing in the AOT cache.
    quiet = ["--sun-misc-unsafe-memory-access=allow", "-Xlog:disable", "-Xlog:all=error:stdout"]
    return [f"-Dlog4j2.configurationFile={LOGGING.name}", *quiet]
