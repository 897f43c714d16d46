"""The process of the console."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from mesh.local.console import contracts, orders, pages, why
from mesh.local.console.access import Access, add_headers
from mesh.local.console.act import routes as act
from mesh.local.console.topology import handlers as topology
from mesh.local.errors import MeshError, explain
from mesh.local.instance import Instance

FEATURES: tuple[Callable[[Instance], list[web.RouteDef]], ...] = (
    pages.routes,
    topology.routes,
    act.routes,
    why.routes,
    contracts.routes,
    orders.routes,
)
"""Each returns the routes of one feature for a mesh."""
GRACE_SECONDS = 2.0
"""How long a request may take after Ctrl-C."""


def create_app(mesh: Instance, access: Access, folder: Path) -> web.Application:
    """Return the application: the API of each feature, and the built page from a folder."""
    app = web.Application(middlewares=[add_headers, access.check, _translate_errors])
    app.router.add_routes(access.routes())
    for feature in FEATURES:
        app.router.add_routes(feature(mesh))
    act.setup(app, mesh)
    app.router.add_routes(pages.files(folder))
    return app


async def serve(app: web.Application, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serve the application until SIGINT or SIGTERM, and call `ready` when it listens.

    Raises:
        OSError: the port is in use.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    # No access log: it would have the code of a login.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        ready()
        await stopped.wait()
    finally:
        await runner.cleanup()


@web.middleware
async def _translate_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return an error that the user can understand as JSON: what, why, and the fix."""
    try:
        return await handler(request)
    except json.JSONDecodeError as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {error}") from None
    except (MeshError, OSError) as error:
        if shown := explain(error):
            return web.json_response({"what": shown.what, "why": shown.why, "fix": shown.fix}, status=409)
        raise
