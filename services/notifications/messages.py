"""Between the contract's messages and the domain: requests are checked and read, replies are written."""

import re

from services.notifications.domain import Notification
from services.runtime import Check
from services.runtime.instants import timestamp
from services.runtime.paging import Page, read_page
from shop.notifications.v1 import notifications_pb2 as pb

CUSTOMER_ID = re.compile(r"[A-Za-z0-9\-_.]{1,64}")
EVERYBODY = "-"


def read_list(request: pb.ListNotificationsRequest) -> tuple[str | None, Page]:
    """Answer the customer, None for all of them, and the page that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        customer = check.resource("customer", request.customer, "customers", CUSTOMER_ID)
        page = read_page(check, request.page_size, request.page_token, f"notifications?customer={customer}")
    return None if customer == EVERYBODY else customer, page


def write_notification(notification: Notification) -> pb.Notification:
    """Make the message of a notification."""
    return pb.Notification(
        name=f"notifications/{notification.id}",
        customer=f"customers/{notification.customer}",
        order=f"orders/{notification.order}",
        kind=pb.Notification.Kind.Value(f"KIND_{notification.kind.value}"),
        text=notification.text,
        event_time=timestamp(notification.event_time),
        create_time=timestamp(notification.create_time),
    )
