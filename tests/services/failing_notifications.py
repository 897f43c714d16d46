"""Runs notifications, but every event fails while its folder contains a file named "refuse"."""

from functools import partial
from pathlib import Path

from services.notifications import events
from services.notifications.__main__ import register
from services.notifications.servicer import ERRORS
from services.runtime import serve
from services.runtime.events import Event
from services.runtime.storage import Connection

REFUSE = Path("refuse")
handlers = dict(events.HANDLERS)


async def refuse(connection: Connection, event: Event[events.OrderEvent]) -> None:
    """Handle the event as notifications does, then fail if the file exists."""
    await handlers[type(event.message)](connection, event)
    if REFUSE.exists():  # noqa: ASYNC240  # a local file
        raise ValueError("refused by the test")


if __name__ == "__main__":
    serve("notifications", partial(register, handlers=dict.fromkeys(handlers, refuse)), ERRORS)
