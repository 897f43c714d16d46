"""Watches which alerts fire during an experiment: the one that the fault must have, and no other."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from mesh.local import loopback
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.pages import Page, base_url
from mesh.local.terminal import show_progress

POLL_INTERVAL_SECONDS, TIMEOUT_SECONDS = 1.0, 5
FIRE_TIMEOUT_SECONDS = 60.0
"""How long after the start of a fault its alert must fire, at the latest."""
END_TIMEOUT_SECONDS = 180.0
"""How long after the end of a fault its alert must have ended, at the latest."""
QUIET_TIMEOUT_SECONDS = 300.0
"""How long an experiment waits until an earlier fault is over."""
HOLD = "2m"
"""How long a fault that is over still explains others, whose alerts then do not fire."""
RECENT_FAULTS = f'sum(max_over_time({{__name__=~"service:mesh_(cause|burning):bool"}}[{HOLD}])) by (service) > 0'


@dataclass
class Period:
    """From when to when an alert fired, in seconds of the monotonic clock. `end` is None while it fires."""

    start: float
    end: float | None = None


@dataclass
class AlertWatch:
    """Watches the alerts of a mesh while its context is open."""

    mesh: Instance
    periods: dict[str, Period] = field(default_factory=dict)
    """Alert with its service, for example `ServiceErrors payments` → when it fired."""
    _task: asyncio.Task[None] | None = None
    _polled: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        """Wait until every earlier fault is over, and start to watch. Raises MeshError if one does not end."""
        deadline, shown = time.monotonic() + QUIET_TIMEOUT_SECONDS, False
        while earlier := await asyncio.to_thread(self._earlier_faults):
            if not shown:
                show_progress(f"waiting until this is over: {', '.join(earlier)}")
                shown = True
            if time.monotonic() > deadline:
                raise MeshError(
                    "there is a fault before the experiment", why=", ".join(earlier), fix="`mesh dashboard alerts`"
                )
            await asyncio.sleep(POLL_INTERVAL_SECONDS)
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        if self._task:
            self._task.cancel()

    async def wait_until_fired(self, alert: str, deadline: float) -> None:
        """Wait until the alert has fired, or until the deadline."""
        await self._wait(lambda: self.find(alert) is not None, deadline)

    async def wait_until_quiet(self, deadline: float) -> None:
        """Wait until no alert fires, or until the deadline."""
        await self._wait(lambda: all(period.end for period in self.periods.values()), deadline)

    def find(self, alert: str) -> Period | None:
        """Return when an alert fired, of whichever service; None if it did not."""
        return next((period for name, period in self.periods.items() if name.split(" ")[0] == alert), None)

    def _earlier_faults(self) -> list[str]:
        """Return the alerts that fire or are about to, and the services with a fault that explains others."""
        alerts = active_alerts(self.mesh, "firing", "pending")
        series = _read(self.mesh, Page.METRICS, f"api/v1/query?{urlencode({'query': RECENT_FAULTS})}")["result"]
        return sorted(alerts | {f"a recent fault of {each['metric'].get('service', 'the mesh')}" for each in series})

    async def _watch(self) -> None:
        while True:
            try:
                firing = await asyncio.to_thread(active_alerts, self.mesh, "firing")
            except MeshError:
                # The fault may be in what stores the alerts, or the machine is busy.
                await asyncio.sleep(POLL_INTERVAL_SECONDS)
                continue
            now = time.monotonic()
            for name in firing:
                self.periods.setdefault(name, Period(now)).end = None
            for name, period in self.periods.items():
                if name not in firing and period.end is None:
                    period.end = now
            async with self._polled:
                self._polled.notify_all()
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    async def _wait(self, condition: Callable[[], bool], deadline: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())), self._polled:
                await self._polled.wait_for(condition)


def active_alerts(mesh: Instance, *states: str) -> set[str]:
    """Return the alerts in these states, each with its service if it has one. Raises MeshError."""
    return {
        f"{alert['name']} {alert['labels'].get('service', '')}".rstrip()
        for alert in _read(mesh, Page.ALERTS, "api/v1/alerts")["alerts"]
        if alert["state"] in states
    }


def _read(mesh: Instance, page: Page, path: str) -> Any:  # noqa: ANN401  # JSON
    try:
        with loopback.open_url(f"{base_url(mesh, page)}/{path}", TIMEOUT_SECONDS) as reply:
            return json.load(reply)["data"]
    except OSError as error:
        raise MeshError(
            "the alerts of the mesh cannot be read", why=str(error), fix="`mesh up` starts them; or add --no-alerts"
        ) from None
