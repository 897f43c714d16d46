"""notifications as it is, but for events that it refuses as long as a file "refuse" stands in its folder."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import __main__ as notifications
from services.notifications import events
from services.notifications.servicer import ERRORS
from services.runtime import serve
from services.runtime.events import Event

REFUSE = Path("refuse")
told = dict(events.HANDLERS)


async def refuse(connection: AsyncConnection, event: Event[events.Told]) -> None:
    """Do what notifications does, and then fail."""
    await told[type(event.message)](connection, event)
    if REFUSE.exists():  # noqa: ASYNC240  # a look at a local file
        raise ValueError("refused by the test")


notifications.HANDLERS = dict.fromkeys(told, refuse)  # type: ignore[attr-defined]  # imported there

if __name__ == "__main__":
    serve("notifications", notifications.register, ERRORS)
