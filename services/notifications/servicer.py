"""The gRPC methods of notifications, and the status of each error."""

from typing import Any

import grpc.aio
from typing_extensions import override

from services.notifications import messages
from services.notifications.handlers import Notifications
from services.runtime.rpc import ErrorTable
from shop.notifications.v1 import notifications_pb2 as pb
from shop.notifications.v1 import notifications_pb2_grpc

ERRORS = ErrorTable("notifications.shop.example", {})

Context = grpc.aio.ServicerContext[Any, Any]


class NotificationsServicer(notifications_pb2_grpc.NotificationsServiceServicer):
    """Implements shop.notifications.v1.NotificationsService."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    @override
    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        customer, page = messages.read_list(request)
        notifications = await self._notifications.list(customer, page.after, page.limit)
        return messages.write_list(notifications, page)
