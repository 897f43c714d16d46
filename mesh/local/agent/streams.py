"""The part of the kubelet's API behind `kubectl exec`, `cp`, `attach` and `port-forward`. It speaks WebSockets only.

The node declares that it can (`node.py`), so the API server passes the WebSocket of kubectl or istioctl to this API.
"""

from aiohttp import web

from mesh.local.agent import port_forward, remote_command
from mesh.local.agent.pod import PodWorker
from mesh.local.processes import Process


def routes() -> list[web.RouteDef]:
    """Return the routes. Clients that use SPDY send POST."""
    container = "{namespace}/{pod}/{container}"
    return [
        web.route("*", f"/exec/{container}", _exec),
        web.route("*", f"/attach/{container}", _attach),
        web.route("*", "/portForward/{namespace}/{pod}", _port_forward),
    ]


async def _exec(request: web.Request) -> web.StreamResponse:
    worker, container = _container(request)
    if "command" not in request.query:
        raise web.HTTPBadRequest(text="you must specify a command\n")
    _check_protocol(request, *remote_command.PROTOCOLS)
    return await remote_command.run(request, worker.sandbox, container)


async def _attach(request: web.Request) -> web.StreamResponse:
    worker, _ = _container(request)
    _check_protocol(request, *remote_command.PROTOCOLS)
    return await remote_command.attach(request, worker.runners[request.match_info["container"]])


async def _port_forward(request: web.Request) -> web.StreamResponse:
    worker = _worker(request)
    _check_protocol(request, port_forward.PROTOCOL)
    return await port_forward.serve(request, worker.sandbox)


def _worker(request: web.Request) -> PodWorker:
    path = request.match_info
    worker: PodWorker | None = request.app["find"](path["namespace"], path["pod"])
    if not worker:
        raise web.HTTPNotFound(text=f"pod {path['pod']} does not run on this node\n")
    return worker


def _container(request: web.Request) -> tuple[PodWorker, Process]:
    worker, name = _worker(request), request.match_info["container"]
    process = worker.process(name)
    if not process:
        raise web.HTTPBadRequest(text=f"container {name} of pod {worker.sandbox.name} does not run\n")
    return worker, process


def _check_protocol(request: web.Request, *supported: str) -> None:
    offered = {protocol.strip() for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if not offered & set(supported):
        reason = f"the local node needs a WebSocket with the protocol {supported[0]}; kubectl 1.31 or later uses it"
        raise web.HTTPBadRequest(text=f"{reason}\n")
