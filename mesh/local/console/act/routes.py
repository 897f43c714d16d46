"""The paths of acts, commands, and of what can be acted on."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from mesh.local.chaos.faults import EXPERIMENTS
from mesh.local.chaos.report import experiment_as_json
from mesh.local.clients import shell
from mesh.local.clients.api_server import ApiServer
from mesh.local.clients.kubectl import Kubectl
from mesh.local.console.act import acts, readme
from mesh.local.console.act.acts import ACTS, InvalidError, Plan, World
from mesh.local.console.act.cluster import Cluster
from mesh.local.console.act.commands import Command, Commands
from mesh.local.console.act.scenarios import FOLDER, Live, Scenarios, statuses
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

COMMANDS = web.AppKey("commands", Commands)
Json = dict[str, Any]


def setup(app: web.Application, mesh: Instance) -> None:
    """Add the commands of a mesh to the console. When it ends, it interrupts them and waits for their ends."""
    app[COMMANDS] = Commands(mesh.home / "console" / "commands", shell.environment(mesh))

    async def close(app: web.Application) -> AsyncIterator[None]:
        yield
        await app[COMMANDS].close()

    app.cleanup_ctx.append(close)


def routes(mesh: Instance) -> list[web.RouteDef]:
    """Return the routes of the feature."""
    return [*_Acting(mesh).routes(), *_command_routes()]


class _Acting:
    """The handlers that read the cluster."""

    def __init__(self, mesh: Instance) -> None:
        self._mesh = mesh
        self._api = ApiServer(mesh)
        self._scenarios = Scenarios(Kubectl.of(mesh))
        self._live = Live(self._api)
        self._rendering = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/acts/{act}", self.show_act),
            web.post("/api/acts/{act}", self.run_act),
            web.get("/api/scenarios", self.list_scenarios),
            web.get("/api/scenarios/{name}", self.get_scenario),
            web.get("/api/workloads", self.list_workloads),
            web.get("/api/experiments", self.list_experiments),
            web.get("/api/experiments/{name}", self.get_experiment),
        ]

    async def show_act(self, request: web.Request) -> web.Response:
        """Return the command of an act. Nothing runs."""
        planned = await self._plan(request.match_info["act"], request.query)
        return web.json_response(_shown(planned, self._mesh))

    async def run_act(self, request: web.Request) -> web.Response:
        """Run an act, if its command is the one that the page has shown."""
        body = await _json_body(request)
        params = body.get("params")
        if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
            raise web.HTTPBadRequest(text="params must be an object of texts")
        planned = await self._plan(request.match_info["act"], params)
        if body.get("command") != (now := shlex.join(planned.words)):
            raise MeshError("this is not the command that was shown", why=f"it would be: {now}", fix="open it again")
        command = await request.app[COMMANDS].start(planned.words)
        return web.json_response({"id": command.id}, status=202)

    async def list_scenarios(self, _: web.Request) -> web.Response:
        """Return every scenario with its state."""
        return web.json_response([asdict(each) for each in await self._statuses()])

    async def get_scenario(self, request: web.Request) -> web.Response:
        """Return a scenario with its README."""
        name = request.match_info["name"]
        found = [each for each in await self._statuses() if each.name == name]
        if not found:
            raise web.HTTPNotFound
        blocks = readme.parse(self._for_this_mesh((FOLDER / name / "README.md").read_text()))
        return web.json_response({**asdict(found[0]), "readme": [asdict(each) for each in blocks]})

    def _for_this_mesh(self, text: str) -> str:
        """Replace the addresses and the commands of the default mesh by those of this one."""
        text = text.replace("localhost:8080", self._mesh.gateway).replace("localhost:8443", self._mesh.tls_gateway)
        return text.replace("mesh env)", f"mesh env{self._mesh.option})")

    async def list_workloads(self, _: web.Request) -> web.Response:
        """Return all workloads with their Pods, and the routes that split calls."""
        return web.json_response(asdict(await asyncio.to_thread(Cluster.read, self._api)))

    async def list_experiments(self, request: web.Request) -> web.Response:
        """Return every experiment with its newest run."""
        commands = request.app[COMMANDS]
        every = await asyncio.to_thread(commands.all)
        return web.json_response([self._experiment(name, commands, every) for name in EXPERIMENTS])

    async def get_experiment(self, request: web.Request) -> web.Response:
        """Return an experiment with its newest run."""
        name = request.match_info["name"]
        if name not in EXPERIMENTS:
            raise web.HTTPNotFound
        commands = request.app[COMMANDS]
        return web.json_response(self._experiment(name, commands, await asyncio.to_thread(commands.all)))

    def _experiment(self, name: str, commands: Commands, every: list[Command]) -> Json:
        """Return an experiment, its newest run, and the result of the newest run that has one."""
        prefix = [*acts.mesh_words("chaos", self._mesh.name), name]
        runs = [each for each in every if each.words[: len(prefix)] == prefix]
        results = (result for each in runs if not each.running and (result := commands.result(each.id)))
        newest = next(results, None)
        return {
            **experiment_as_json(EXPERIMENTS[name]),
            "run": _command(runs[0]) if runs else None,
            "result": newest[0] if newest else None,
        }

    async def _statuses(self) -> list[Any]:
        async with self._rendering:
            scenarios = await asyncio.to_thread(self._scenarios.all)
        return statuses(scenarios, await asyncio.to_thread(self._live.read, scenarios))

    async def _plan(self, act: str, params: Mapping[str, str]) -> Plan:
        if act not in ACTS:
            raise web.HTTPNotFound
        names = {path.parent.name for path in FOLDER.glob("*/kustomization.yaml")}
        world = World(self._mesh.name, names, EXPERIMENTS, await asyncio.to_thread(Cluster.read, self._api))
        try:
            return acts.plan(act, params, world)
        except InvalidError as error:
            raise web.HTTPBadRequest(text=str(error)) from None


def _command_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/commands", _list_commands),
        web.get("/api/commands/{id}", _get_command),
        web.post("/api/commands/{id}/interrupt", _interrupt),
    ]


async def _list_commands(request: web.Request) -> web.Response:
    every = await asyncio.to_thread(request.app[COMMANDS].all)
    return web.json_response([_command(each) for each in every])


async def _get_command(request: web.Request) -> web.Response:
    """Return a command with its output from `offset` on; when it has ended, also with the JSON that it has printed."""
    commands, command = request.app[COMMANDS], _find(request)
    offset = request.query.get("offset", "0")
    if not (offset.isascii() and offset.isdigit()):
        raise web.HTTPBadRequest(text="offset is no number of bytes")
    # Its state is older than its output: if it has ended, the output is complete.
    output, end = await asyncio.to_thread(commands.output, command.id, int(offset))
    result = None if command.running else await asyncio.to_thread(commands.result, command.id)
    return web.json_response({**_command(command), "output": output, "offset": end, "result": result})


async def _interrupt(request: web.Request) -> web.Response:
    command = _find(request)
    request.app[COMMANDS].interrupt(command.id)
    return web.json_response(_command(_find(request)), status=202)


def _find(request: web.Request) -> Command:
    command = request.app[COMMANDS].find(request.match_info["id"])
    if not command:
        raise web.HTTPNotFound
    return command


def _command(command: Command) -> Json:
    shown = {name: value for name, value in asdict(command).items() if name not in {"pid", "started", "words"}}
    return {**shown, "command": shlex.join(command.words)}


def _shown(planned: Plan, mesh: Instance) -> Json:
    return {
        "command": shlex.join(planned.words),
        "prepare": f'eval "$({acts.mesh_program()} env{mesh.option})"',
        "warning": planned.warning,
    }


async def _json_body(request: web.Request) -> Json:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return body
