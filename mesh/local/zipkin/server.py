"""The command line of Zipkin's server."""

from collections.abc import Sequence
from pathlib import Path

from mesh.local.java import Program

ZIPKIN = Program("Zipkin", Path(__file__).parent / "jars.lock.toml")
PORT = 9411
JVM = [
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Djava.net.preferIPv4Stack=true",
    # Armeria's own resolver listens for responses of DNS servers on all addresses.
    "-Dcom.linecorp.armeria.useJdkDnsResolver=true",
    # Return memory that the start needed.
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=30",
]
HEAP = "-Xmx64m"
MAIN = "zipkin.server.ZipkinServer"


def command(host: str, options: Sequence[str], heap: str = HEAP) -> list[str]:
    """Return the command that serves on PORT of `host`. By default Zipkin would listen on all addresses."""
    address = {"ip": host, "port": str(PORT), "protocols[0]": "http"}
    settings = [f"-Darmeria.ports[0].{name}={value}" for name, value in address.items()]
    # Else Java warns at each start about Netty's use of sun.misc.Unsafe and of native code.
    quiet = ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]
    return [str(ZIPKIN.java), *heap.split(), *JVM, *quiet, *options, *settings, "-cp", classpath(), MAIN]


def cached() -> str:
    """Return the option of Java that uses the ahead-of-time cache. Raises MeshError if Zipkin is not fetched yet."""
    return f"-XX:AOTCache={ZIPKIN.home / ZIPKIN.archive.name}"


def classpath() -> str:
    """Return the jars that `unpack` has written. The ahead-of-time cache is valid for this class path only."""
    return ":".join(str(jar) for jar in sorted((ZIPKIN.folder / "server").glob("*.jar")))


def environment() -> dict[str, str]:
    """Return what a server needs in its environment. The locale determines how Java encodes file names."""
    return {"LC_ALL": "C.UTF-8"}
