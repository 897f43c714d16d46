"""The HTTP management port: whether the process is alive, whether it wants calls, and how its events go."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from services.runtime.config import ConfigError

Report = Callable[[], Awaitable[Mapping[str, object]]]


class Management:
    """Answers GET /live with 200, GET /ready with 200 while the process wants calls and 503 otherwise.

    GET /events answers JSON: what waits in the outbox, and what the consumer has before it. What is published
    is answered at further paths.
    """

    def __init__(self) -> None:
        self._is_ready = False
        self._events: dict[str, Report] = {}
        self._published: dict[str, Report] = {}
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/events", self._report)
        app.router.add_get("/{path:.*}", self._publication)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`; raise ConfigError if it cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"MANAGEMENT_LISTEN: cannot listen on {host}:{port}: {error.strerror}") from error

    def want_calls(self, *, ready: bool) -> None:
        """Say from now on whether the process wants calls."""
        self._is_ready = ready

    def report_events(self, name: str, report: Report) -> None:
        """Have /events answer what `report` says, under `name`."""
        self._events[name] = report

    def publish(self, path: str, report: Report) -> None:
        """Answer GET `path` from now on with what `report` says."""
        self._published[path] = report

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self._is_ready else web.Response(status=503, text="not ready\n")

    async def _report(self, _: web.Request) -> web.Response:
        return web.json_response({name: await report() for name, report in self._events.items()})

    async def _publication(self, request: web.Request) -> web.Response:
        report = self._published.get(request.path)
        return web.Response(status=404) if report is None else web.json_response(await report())
