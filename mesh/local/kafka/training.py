"""Kafka's first run: Java records the classes that it loads and links, and every later start reuses them."""

import subprocess
import tempfile
import time
from pathlib import Path

from mesh.local.errors import MeshError
from mesh.local.instance import port_in_use
from mesh.local.kafka import broker

TIMEOUT_SECONDS = 90
"""For the start of Kafka, and again for its end."""
HOST, BROKER_PORT, CONTROLLER_PORT = "127.19.0.1", 9092, 9093
"""An address that no instance uses."""


def train(java: Path, classpath: str, archive: Path) -> None:
    """Run Kafka once in a temporary folder, and write Java's ahead-of-time cache.

    Raises:
        MeshError: Kafka does not run, or the address is in use.
    """
    with tempfile.TemporaryDirectory() as folder:
        if port_in_use(HOST, BROKER_PORT):
            raise MeshError(f"port {BROKER_PORT} on {HOST} is in use", fix="stop that process, then `make tools`")
        here, partial = Path(folder), archive.with_suffix(".partial")
        broker.prepare(here, broker.single_node(HOST, BROKER_PORT, CONTROLLER_PORT, Path("data")))
        java_env = broker.environment()
        form = broker.format_command(java, classpath)
        subprocess.run(form, cwd=here, env=java_env, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)
        command = broker.command(java, classpath, [f"-XX:AOTCacheOutput={partial}"])
        with (here / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=here, env=java_env, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while not port_in_use(HOST, BROKER_PORT):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise MeshError("Kafka does not run on this machine", why=(here / "log").read_text()[-2000:])
                time.sleep(0.1)
            process.terminate()
            process.wait(TIMEOUT_SECONDS)
        finally:
            process.kill()
            process.wait()
        partial.rename(archive)
