"""Services in the mesh that fail as tests/services/faulty.py has them fail, and what they noted of each attempt."""

import copy
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.mesh.harness import Manifest, Mesh
from tests.services.faulty import ATTEMPTS
from tests.services.sockets import SOCKET, address


@asynccontextmanager
async def failing_services(mesh: Mesh, services: Iterable[str], **settings: str) -> AsyncIterator[None]:
    """Have services that fail for the length of a block, with data of their own; `settings` are their FAULTY_…."""
    before = {app: (await mesh.get("deployments", "-n", "shop", app))["spec"]["template"] for app in services}
    try:
        for app, template in before.items():
            environment = {"SERVICE": app, **{f"FAULTY_{name}": value for name, value in settings.items()}}
            await _patch(mesh, app, _varied(template, environment))
        await mesh.wait_for_rollout()
        yield
    finally:
        for app, template in before.items():
            await _patch(mesh, app, template)
        await mesh.wait_for_rollout()


def _varied(template: Manifest, environment: Mapping[str, str]) -> Manifest:
    varied = copy.deepcopy(template)
    [app] = (container for container in varied["spec"]["containers"] if container["name"] == "app")
    app["command"] = ["python", "-m", "tests.services.faulty"]
    # What they write goes with them, and nobody is told of it: the books of this mesh balance afterwards. Identity goes
    # on with its own, for the gateway knows the keys that are in there.
    if environment["SERVICE"] != "identity":
        environment = {**environment, "DATABASE_URL": "sqlite+aiosqlite:///scratch/scratch.db"}
        app["env"] = [each for each in app["env"] if each["name"] != "KAFKA_BOOTSTRAP_SERVERS"]
    app["env"] += [{"name": name, "value": value} for name, value in environment.items()]
    return varied


async def _patch(mesh: Mesh, app: str, template: Manifest) -> None:
    patch = json.dumps([{"op": "replace", "path": "/spec/template", "value": template}])
    await mesh.kubectl("patch", "deployment", "-n", "shop", app, "--type=json", "-p", patch)


async def logged_attempts(mesh: Mesh, app: str, agent: str) -> list[dict[str, Any]]:
    """Read what an app noted of the attempts at its methods that callers with this user agent made."""
    pod = await mesh.pod(app)
    output = await mesh.kubectl("logs", "-n", "shop", pod["metadata"]["name"], "-c", "app")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in lines if line["logger"] == ATTEMPTS and agent in line["user_agent"]]


async def app_socket(mesh: Mesh, app: str) -> str:
    """Return what a channel to the app itself dials: past its sidecar, by the socket in its process's own folder."""
    pod = await mesh.pod(app)
    [process] = mesh.processes("python", pod["metadata"]["uid"])
    assert process.environ()["GRPC_LISTEN"] == f"unix:{SOCKET}"
    return address(Path(process.cwd()))
