"""The gRPC methods of notifications, and the status of each error."""

from typing import Any

import grpc.aio
from typing_extensions import override

from services.notifications import messages
from services.notifications.store import Store
from services.runtime.rpc import ErrorTable
from services.runtime.storage import Database
from shop.notifications.v1 import notifications_pb2 as pb
from shop.notifications.v1 import notifications_pb2_grpc

ERRORS = ErrorTable("notifications.shop.example", {})

Context = grpc.aio.ServicerContext[Any, Any]


class NotificationsServicer(notifications_pb2_grpc.NotificationsServiceServicer):
    """Implements shop.notifications.v1.NotificationsService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        customer, page = messages.read_list(request)
        async with self._database.read() as connection:
            notifications = await Store(connection).notifications_after(page.after, customer, page.limit)
        page_notifications, token = page.cut(notifications, key=lambda notification: notification.id)
        return pb.ListNotificationsResponse(
            notifications=map(messages.write_notification, page_notifications), next_page_token=token
        )
