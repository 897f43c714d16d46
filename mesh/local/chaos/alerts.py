"""Watches which alerts fire during an experiment: the one that the fault must have, and no other."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mesh.local import loopback
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.pages import Page, base_url

POLL_INTERVAL_SECONDS, TIMEOUT_SECONDS = 1.0, 5
FIRE_TIMEOUT_SECONDS = 60.0
"""How long after the start of a fault its alert must fire, at the latest."""
END_TIMEOUT_SECONDS = 180.0
"""How long after the end of a fault its alert must have ended, at the latest."""
QUIET_TIMEOUT_SECONDS = 180.0
"""How long an experiment waits for the alerts of an earlier fault to end."""


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
        """Wait until no alert fires or is about to, and start to watch. Raises MeshError if one does not end."""
        deadline = time.monotonic() + QUIET_TIMEOUT_SECONDS
        while firing := await asyncio.to_thread(active_alerts, self.mesh, "firing", "pending"):
            if time.monotonic() > deadline:
                raise MeshError(
                    "alerts fire before the fault", why=", ".join(sorted(firing)), fix="`mesh dashboard alerts`"
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
    try:
        with loopback.open_url(f"{base_url(mesh, Page.ALERTS)}/api/v1/alerts", TIMEOUT_SECONDS) as reply:
            alerts = json.load(reply)["data"]["alerts"]
    except OSError as error:
        raise MeshError(
            "the alerts of the mesh cannot be read", why=str(error), fix="`mesh up` starts them; or add --no-alerts"
        ) from None
    return {
        f"{alert['name']} {alert['labels'].get('service', '')}".rstrip() for alert in alerts if alert["state"] in states
    }
