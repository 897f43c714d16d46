"""Between the contract's messages and the domain: requests are read, replies are written."""

from services.notifications.domain import Notification
from services.runtime.rpc import Page, read_page, resource_id, to_timestamp
from shop.notifications.v1 import notifications_pb2 as pb

# The id that stands for every one of a collection, as AIP-159 has it; no customer's.
EVERYBODY = "-"


def read_list(request: pb.ListNotificationsRequest) -> tuple[str | None, Page]:
    """Answer the customer, None for all of them, and the page that is asked for. Raises InvalidFieldsError."""
    customer = resource_id(request.customer)
    page = read_page(request, f"notifications?customer={customer}")
    return None if customer == EVERYBODY else customer, page


def write_notification(notification: Notification) -> pb.Notification:
    """Make the message of a notification."""
    return pb.Notification(
        name=f"notifications/{notification.id}",
        customer=f"customers/{notification.customer}",
        order=f"orders/{notification.order}",
        kind=pb.Notification.Kind.Value(f"KIND_{notification.kind.value}"),
        text=notification.text,
        event_time=to_timestamp(notification.event_time),
        create_time=to_timestamp(notification.create_time),
    )
