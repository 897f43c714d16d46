"""Calls of public methods through the gateway with grpcurl, as a user would make them."""

import json
import os
import subprocess
import time
from typing import Any

from mesh.local import tools
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

RETRY_SECONDS = 30


def call(mesh: Instance, method: str, request: dict[str, object], token: str = "") -> Any:  # noqa: ANN401  # JSON
    """Call a method and return its response.

    The call is retried until it succeeds, because the gateway gets its routes a moment after its Pod is ready. A write
    must therefore have a request_id, or be harmless when repeated.

    Raises:
        MeshError: it did not succeed in time. The error has the last status.
    """
    # Arguments of a process are visible to all users, so the token goes through the environment.
    words = ["-plaintext", "-max-time", "10", "-d", "@"]
    if token:
        words += ["-expand-headers", "-H", "authorization: Bearer ${TOKEN}"]
    started = time.monotonic()
    while True:
        done = subprocess.run(
            [str(tools.bin_dir() / "grpcurl"), *words, mesh.gateway, method],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            env=os.environ | {"TOKEN": token},
        )
        if done.returncode == 0:
            return json.loads(done.stdout)
        if time.monotonic() - started > RETRY_SECONDS:
            name = method.rpartition("/")[2]
            raise MeshError(f"{name} fails through the gateway", why=done.stderr.strip(), fix="`mesh status`")
        time.sleep(0.2)
