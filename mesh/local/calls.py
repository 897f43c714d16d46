"""Calls of public methods through an instance's gateway, with grpcurl, as a user would make them."""

import json
import os
import subprocess
import time
from typing import Any

from mesh.local import tools
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

PATIENCE = 30


def call(instance: Instance, method: str, request: dict[str, object], token: str = "") -> Any:  # noqa: ANN401  # JSON
    """Make a call, and answer its response.

    It is made again until it succeeds, for routes reach the gateway a moment after its Pod is ready: so a write has a
    request_id, or does no harm.

    Raises:
        MeshError: it did not succeed; holds the last answer.
    """
    # What is secret stands in no argument: those are everybody's to see.
    words = ["-plaintext", "-max-time", "10", "-d", "@"]
    if token:
        words += ["-expand-headers", "-H", "authorization: Bearer ${TOKEN}"]
    started = time.monotonic()
    while True:
        done = subprocess.run(
            [str(tools.bin_dir() / "grpcurl"), *words, instance.gateway, method],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            env=os.environ | {"TOKEN": token},
        )
        if done.returncode == 0:
            return json.loads(done.stdout)
        if time.monotonic() - started > PATIENCE:
            name = method.rpartition("/")[2]
            raise MeshError(f"{name} fails through the gateway", why=done.stderr.strip(), fix="`mesh status`")
        time.sleep(0.2)
