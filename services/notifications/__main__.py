"""The composition root: `python -m services.notifications`."""

from pathlib import Path

import grpc.aio

from services.notifications.events import HANDLERS
from services.notifications.handlers import Notifications
from services.notifications.servicer import ERRORS, NotificationsServicer
from services.runtime import Runtime, serve
from services.runtime.events import Handlers
from shop.notifications.v1 import notifications_pb2, notifications_pb2_grpc


async def register(server: grpc.aio.Server, runtime: Runtime, handlers: Handlers = HANDLERS) -> list[str]:
    """Open the database, start to consume events, and register the servicer."""
    database = await runtime.database(Path(__file__).parent / "migrations")
    runtime.consume(database, handlers)
    servicer = NotificationsServicer(Notifications(database))
    notifications_pb2_grpc.add_NotificationsServiceServicer_to_server(servicer, server)
    return [notifications_pb2.DESCRIPTOR.services_by_name["NotificationsService"].full_name]


if __name__ == "__main__":
    serve("notifications", register, ERRORS)
