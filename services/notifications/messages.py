"""Converts requests to domain values, and domain values to messages."""

from collections.abc import Sequence

from services.notifications.domain import Notification
from services.runtime.rpc import Page, read_page, resource_id, to_timestamp
from shop.notifications.v1 import notifications_pb2 as pb

# AIP-159's wildcard for all customers. No customer has this id.
ALL_CUSTOMERS = "-"


def read_list(request: pb.ListNotificationsRequest) -> tuple[str | None, Page]:
    """Return the requested customer id, None for all customers, and the page. Raises InvalidFieldsError."""
    customer = resource_id(request.customer)
    page = read_page(request, f"notifications?customer={customer}")
    return None if customer == ALL_CUSTOMERS else customer, page


def write_notification(notification: Notification) -> pb.Notification:
    """Convert a notification to its message."""
    return pb.Notification(
        name=f"notifications/{notification.id}",
        customer=f"customers/{notification.customer}",
        order=f"orders/{notification.order}",
        kind=pb.Notification.Kind.Value(f"KIND_{notification.kind.value}"),
        text=notification.text,
        event_time=to_timestamp(notification.event_time),
        create_time=to_timestamp(notification.create_time),
    )


def write_list(notifications: Sequence[Notification], page: Page) -> pb.ListNotificationsResponse:
    """Build the response of a list, with the token of the next page."""
    messages, token = page.cut(notifications, key=lambda notification: notification.id, write=write_notification)
    return pb.ListNotificationsResponse(notifications=messages, next_page_token=token)
