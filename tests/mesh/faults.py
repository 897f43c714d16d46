"""Replaces services in the mesh with failing ones (tests/support/faulty.py), and reads their log of each attempt."""

import copy
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.mesh.harness import Manifest, Mesh
from tests.support.faulty import ATTEMPTS
from tests.support.sockets import SOCKET, address


@asynccontextmanager
async def failing_services(mesh: Mesh, services: Iterable[str], **settings: str) -> AsyncIterator[None]:
    """Replace services with failing ones, which use separate data, while the block runs.

    `settings` are the environment variables FAULTY_… without their prefix.
    """
    original = {app: (await mesh.get("deployments", "-n", "shop", app))["spec"]["template"] for app in services}
    try:
        for app, template in original.items():
            environment = {"SERVICE": app, **{f"FAULTY_{name}": value for name, value in settings.items()}}
            await _patch(mesh, app, _with_failing_server(template, environment))
        await mesh.wait_for_rollout()
        yield
    finally:
        for app, template in original.items():
            await _patch(mesh, app, template)
        await mesh.wait_for_rollout()


def _with_failing_server(template: Manifest, environment: Mapping[str, str]) -> Manifest:
    changed = copy.deepcopy(template)
    [app] = (container for container in changed["spec"]["containers"] if container["name"] == "app")
    app["command"] = ["python", "-m", "tests.support.faulty"]
    # Failing services use a scratch database and publish no events, so the ledger of this mesh still balances
    # afterwards. Identity keeps its database, because the gateway knows the keys that are in it.
    if environment["SERVICE"] != "identity":
        environment = {**environment, "DATABASE_URL": "sqlite:///scratch/scratch.db"}
        app["env"] = [each for each in app["env"] if each["name"] != "KAFKA_BOOTSTRAP_SERVERS"]
    app["env"] += [{"name": name, "value": value} for name, value in environment.items()]
    return changed


async def _patch(mesh: Mesh, app: str, template: Manifest) -> None:
    patch = json.dumps([{"op": "replace", "path": "/spec/template", "value": template}])
    await mesh.kubectl("patch", "deployment", "-n", "shop", app, "--type=json", "-p", patch)


async def logged_attempts(mesh: Mesh, app: str, agent: str) -> list[dict[str, Any]]:
    """Return the log records of all attempts that callers with this user agent made at an app."""
    pod = await mesh.pod(app)
    output = await mesh.kubectl("logs", "-n", "shop", pod["metadata"]["name"], "-c", "app")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in lines if line["logger"] == ATTEMPTS and agent in line["user_agent"]]


async def app_socket(mesh: Mesh, app: str) -> str:
    """Return the address of the Unix socket of an app. Calls to it bypass the sidecar."""
    pod = await mesh.pod(app)
    [process] = mesh.processes("python", pod["metadata"]["uid"])
    assert process.environ()["GRPC_LISTEN"] == f"unix:{SOCKET}"
    return address(Path(process.cwd()))
