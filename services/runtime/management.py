"""The HTTP management port: liveness, readiness, metrics, the state of events, and published JSON."""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from services.runtime.config import ConfigError
from services.runtime.http_port import HttpPort, Response
from services.runtime.metrics import Metrics
from services.runtime.metrics.registry import CONTENT_TYPE

# All addresses, of IPv6 too, as for gRPC.
ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # this is what the manifests say

Report = Callable[[], Awaitable[Mapping[str, object]]]


class Management:
    """Serves /live (200), /ready (200 or 503), /metrics, /events (the outbox and the consumer), and published paths."""

    def __init__(self, metrics: Metrics) -> None:
        self._is_ready = False
        self._metrics = metrics
        self._events: dict[str, Report] = {}
        self._published: dict[str, Report] = {"/events": self._report_events}
        self._port = HttpPort(self._respond)

    async def start(self, host: str, port: int) -> None:
        """Listen on `host:port`. Raises ConfigError if that is not possible."""
        try:
            await self._port.start(None if host == ANY_ADDRESS else host, port)
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
        await self._port.stop()

    async def _respond(self, path: str) -> Response:
        if path == "/live":
            return Response(HTTPStatus.OK, "live\n")
        if path == "/ready":
            if self._is_ready:
                return Response(HTTPStatus.OK, "ready\n")
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "not ready\n")
        if path == "/metrics":
            return Response(HTTPStatus.OK, await self._metrics.render(), CONTENT_TYPE)
        report = self._published.get(path)
        if report is None:
            return Response(HTTPStatus.NOT_FOUND)
        return Response(HTTPStatus.OK, json.dumps(await report()), "application/json")

    async def _report_events(self) -> Mapping[str, object]:
        return {name: await report() for name, report in self._events.items()}
