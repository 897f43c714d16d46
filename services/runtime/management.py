"""The HTTP management port: liveness, readiness, the state of events, and published JSON."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from services.runtime.config import ConfigError

Report = Callable[[], Awaitable[Mapping[str, object]]]


class Management:
    """Serves /live (200), /ready (200 or 503), /events (the outbox and the consumer, as JSON), and published paths."""

    def __init__(self) -> None:
        self._is_ready = False
        self._events: dict[str, Report] = {}
        self._published: dict[str, Report] = {}
        app = web.Application()
        app.router.add_get("/live", self._get_live)
        app.router.add_get("/ready", self._get_ready)
        app.router.add_get("/events", self._get_events)
        app.router.add_get("/{path:.*}", self._get_published)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`. Raises ConfigError if that is not possible."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"MANAGEMENT_LISTEN: cannot listen on {host}:{port}: {error.strerror}") from error

    def set_ready(self, *, ready: bool) -> None:
        """Set whether /ready reports that the process accepts calls."""
        self._is_ready = ready

    def report_events(self, name: str, report: Report) -> None:
        """Add the result of `report` to /events, under `name`."""
        self._events[name] = report

    def publish(self, path: str, report: Report) -> None:
        """Serve the JSON of `report` at GET `path`."""
        self._published[path] = report

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _get_live(self, _: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _get_ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self._is_ready else web.Response(status=503, text="not ready\n")

    async def _get_events(self, _: web.Request) -> web.Response:
        return web.json_response({name: await report() for name, report in self._events.items()})

    async def _get_published(self, request: web.Request) -> web.Response:
        report = self._published.get(request.path)
        return web.Response(status=404) if report is None else web.json_response(await report())
