"""Kafka's first run: Java notes what it loads and links, and every later start begins with that."""

import subprocess
import tempfile
import time
from pathlib import Path

from mesh.local.errors import MeshError
from mesh.local.instance import port_in_use
from mesh.local.kafka import broker

PATIENCE = 90
"""Seconds until Kafka must have started, and until it must have ended."""
HOST, BROKER, CONTROLLER = "127.19.0.1", 9092, 9093
"""An address of its own: no instance has it."""


def train(java: Path, classpath: str, archive: Path) -> None:
    """Run Kafka once in a folder of its own, and leave what was learned in the archive.

    Raises:
        MeshError: it does not run, or the address is taken.
    """
    with tempfile.TemporaryDirectory() as folder:
        if port_in_use(HOST, BROKER):
            raise MeshError(f"port {BROKER} on {HOST} is in use", fix="stop that process, then `make tools`")
        here, partial = Path(folder), archive.with_suffix(".partial")
        broker.prepare(here, broker.single(HOST, BROKER, CONTROLLER, Path("data")))
        java_env = broker.environment()
        form = broker.format_command(java, classpath)
        subprocess.run(form, cwd=here, env=java_env, check=True, capture_output=True, timeout=PATIENCE)
        command = broker.command(java, classpath, [f"-XX:AOTCacheOutput={partial}"])
        with (here / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=here, env=java_env, stdout=log, stderr=log)
        try:
            ends = time.monotonic() + PATIENCE
            while not port_in_use(HOST, BROKER):
                if process.poll() is not None or time.monotonic() > ends:
                    raise MeshError("Kafka does not run on this machine", why=(here / "log").read_text()[-2000:])
                time.sleep(0.1)
            process.terminate()
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
        partial.rename(archive)
